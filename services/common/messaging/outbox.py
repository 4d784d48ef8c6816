"""The outbox: an event is a row in the transaction that changed the state, so that neither exists without the other.

    await append(session, "catalog", "PRODUCT_CREATED", snapshot)
    await append_events(session, events)      # one statement, for bulk changes

Topic and key follow from the event (`services.contracts.topics`), whose payload must be what its type says. Append
after the statement that changed (and so locked) the aggregate: ids are then in the order of its changes. Rows are kept
after they are published, so that a copy elsewhere can be rebuilt. Each service's migrations make the table.
"""

from collections.abc import Iterable

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.messaging.producer import is_too_large
from services.common.runtime.telemetry import traceparent
from services.contracts.envelope import Contract, Event
from services.contracts.writing import outgoing

CHANNEL = "outbox"

_INSERT = text(  # JSON, for psycopg escapes text arrays in Python: a quarter of the rate
    "INSERT INTO outbox (event_id, topic, key, value) SELECT event_id, topic, key, value"
    " FROM json_to_recordset(CAST(:rows AS json)) AS r (event_id uuid, topic text, key text, value text)"
    " ON CONFLICT (event_id) DO NOTHING"
)


class EventTooLargeError(ValueError):
    """An event that its topic could not carry; told before commit, for the relay could never send it."""


async def append(session: AsyncSession, producer: str, event_type: str, data: Contract) -> None:
    """Append one event, of the service `producer`, to the caller's transaction; raises as `append_events` does."""
    await append_events(session, [Event.of(event_type, data, producer=producer)])


async def append_events(session: AsyncSession, events: Iterable[Event]) -> None:
    """Append events in order, in one statement.

    Raises:
        ContractError: an event is not what its type says.
        EventTooLargeError: as it says.
    """
    parent = traceparent()
    rows = []
    for event in events:
        traced = event if event.traceparent or not parent else event.model_copy(update={"traceparent": parent})
        topic, key, content = outgoing(traced)
        if is_too_large(topic.name, key, content):
            raise EventTooLargeError(f"{event.event_type} of {key} has {len(content):,} bytes")
        rows.append({"event_id": event.event_id, "topic": topic.name, "key": key, "value": content.decode()})
    if rows:
        await session.execute(_INSERT, {"rows": orjson.dumps(rows).decode()})
