"""The outbox: an event is a row in the transaction that changed the state, so that neither exists without the other.

    await append(session, Event.of("PRODUCT_CREATED", snapshot, producer="catalog"), key=str(product.id))
    await append_all(session, [(event, key), ...])      # one statement, for bulk changes

Append after the statement that changed (and so locked) the aggregate: ids are then in the order of its changes. Rows
are kept after they are published, so that a copy elsewhere can be rebuilt. A migration makes the table by `create(op)`.
"""

from collections.abc import Iterable
from typing import Protocol

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.telemetry import traceparent
from services.contracts.envelope import Event
from services.contracts.registry import EVENTS
from services.contracts.topics import TOPICS

CHANNEL = "outbox"

_DDL = (
    """
    CREATE TABLE outbox (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        event_id uuid NOT NULL UNIQUE,
        topic text NOT NULL,
        key text NOT NULL,
        value text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        published_at timestamptz
    )
    """,
    "CREATE INDEX ix_outbox_unpublished ON outbox (id) WHERE published_at IS NULL",
    f"""
    CREATE FUNCTION outbox_notify() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_notify('{CHANNEL}', ''); RETURN NULL; END $$
    """,
    """
    CREATE TRIGGER outbox_appended AFTER INSERT ON outbox
    FOR EACH STATEMENT EXECUTE FUNCTION outbox_notify()
    """,
)

_INSERT = text(  # JSON, for psycopg escapes text arrays in Python: a quarter of the rate
    "INSERT INTO outbox (event_id, topic, key, value) SELECT event_id, topic, key, value"
    " FROM json_to_recordset(CAST(:rows AS json)) AS r (event_id uuid, topic text, key text, value text)"
    " ON CONFLICT (event_id) DO NOTHING"
)


class Operations(Protocol):
    """What `create` needs of `alembic.op`."""

    def execute(self, sqltext: str) -> None:
        """Run one statement."""


class EventTooLargeError(ValueError):
    """An event that its topic could not carry; told before commit, for the relay could never send it."""


def create(op: Operations) -> None:
    """Make the table, its index and the trigger that wakes the relay."""
    for statement in _DDL:
        op.execute(statement)


async def append(session: AsyncSession, event: Event, key: str) -> None:
    """Append one event of the aggregate `key` to the caller's transaction."""
    await append_all(session, [(event, key)])


async def append_all(session: AsyncSession, events: Iterable[tuple[Event, str]]) -> None:
    """Append events with their keys, in order, in one statement."""
    parent = traceparent()
    rows = []
    for event, key in events:
        topic = TOPICS[EVENTS[event.event_type].topic]
        traced = event if event.traceparent or not parent else event.model_copy(update={"traceparent": parent})
        content = traced.to_bytes().decode()
        if len(content) > topic.max_message_bytes // 2:  # room for the envelope of the record, and for non-ASCII text
            raise EventTooLargeError(f"{event.event_type} of {key} has {len(content)} characters")
        rows.append({"event_id": event.event_id, "topic": topic.name, "key": key, "value": content})
    if rows:
        await session.execute(_INSERT, {"rows": orjson.dumps(rows).decode()})
