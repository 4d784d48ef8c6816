"""The outbox: an event is a row in the transaction that changes the state, so that neither exists without the other.

    await append(session, "catalog", "PRODUCT_CREATED", snapshot)
    await append_events(session, events)      # one statement, for bulk changes
    await append_all(session, "catalog", [("PRODUCT_CREATED", snapshot), ...])    # the same of payloads, faster

Topic and key are derived from the event (`services.contracts.topics`), whose payload must match its type. Append
after the statement that changed (and so locked) the aggregate: ids are then in the order of its changes. Rows are kept
after they are published, as long as their topic keeps the messages, so that they can be sent again. A service's models
name the table (`class Outbox(OutboxTable, Base)`), and its migrations make it, with the trigger that wakes the relay.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Identity, Index, func, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from services.common.messaging.producer import is_too_large
from services.common.runtime.telemetry import traceparent
from services.contracts.envelope import Contract, Event
from services.contracts.topics import Topic
from services.contracts.writing import outgoing, outgoing_payload

CHANNEL = "outbox"

_INSERT = text(  # JSON, because psycopg escapes text arrays in Python, at a quarter of the rate
    "INSERT INTO outbox (event_id, topic, key, value) SELECT event_id, topic, key, value"
    " FROM json_to_recordset(CAST(:rows AS json)) AS r (event_id uuid, topic text, key text, value text)"
    " ON CONFLICT (event_id) DO NOTHING"
)


class OutboxTable:
    """The events of a service, published or not; `refused_at` is when the broker last refused one.

    Those with personal data are removed with their user, found by an index.
    """

    __tablename__ = "outbox"

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[Any, ...]:
        return (
            Index("ix_outbox_unpublished", "id", postgresql_where=text("published_at IS NULL")),
            Index("ix_outbox_personal", "key", postgresql_where=text("topic IN ('auth.v1', 'profile.v1')")),
        )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    event_id: Mapped[UUID] = mapped_column(unique=True)
    topic: Mapped[str]
    key: Mapped[str]
    value: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    published_at: Mapped[datetime | None]
    refused_at: Mapped[datetime | None]
    refusal: Mapped[str | None]


class EventTooLargeError(ValueError):
    """An event that is too large for its topic; raised before commit, because the relay could never send it."""


async def append(session: AsyncSession, producer: str, event_type: str, data: Contract) -> None:
    """Append one event, of the service `producer`, to the caller's transaction; raises as `append_events` does."""
    await append_events(session, [Event.of(event_type, data, producer=producer)])


async def append_events(session: AsyncSession, events: Iterable[Event]) -> None:
    """Append events in order, in one statement.

    Raises:
        ContractError: an event does not match its type.
        EventTooLargeError: an event is too large for its topic.
    """
    parent = traceparent()
    rows = []
    for event in events:
        traced = event if event.traceparent or not parent else event.model_copy(update={"traceparent": parent})
        rows.append(_row(event.event_type, str(event.event_id), *outgoing(traced)))
    await _insert(session, rows)


async def append_all(session: AsyncSession, producer: str, events: Iterable[tuple[str, Contract]]) -> None:
    """Append events of now, each a type and its payload, in order: for thousands at once; raises likewise."""
    parent, now = traceparent(), datetime.now(UTC)
    rows = []
    for event_type, data in events:
        written = outgoing_payload(event_type, data, producer=producer, timestamp=now, traceparent=parent)
        rows.append(_row(event_type, *written))
    await _insert(session, rows)


def _row(event_type: str, event_id: str, topic: Topic, key: str, value: bytes) -> dict[str, str]:
    if is_too_large(topic.name, key, value):
        raise EventTooLargeError(f"{event_type} of {key} has {len(value):,} bytes")
    return {"event_id": event_id, "topic": topic.name, "key": key, "value": value.decode()}


async def _insert(session: AsyncSession, rows: list[dict[str, str]]) -> None:
    if rows:
        await session.execute(_INSERT, {"rows": orjson.dumps(rows).decode()})
