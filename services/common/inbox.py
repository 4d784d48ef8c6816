"""The inbox: ids of handled events, written in the handler's own transaction, so that a second delivery does nothing.

A consumer uses it by itself; a migration makes the table by `create(op)`.
"""

from collections.abc import Iterable

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.outbox import Operations

_DDL = """
    CREATE TABLE inbox (
        event_id uuid NOT NULL,
        consumer text NOT NULL,
        handled_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (event_id, consumer)
    )
"""
_CLAIM = text(  # gives back those handled before, mostly none; the ids travel as one text, the fastest way for psycopg
    "WITH given AS (SELECT unnest(CAST(string_to_array(:ids, ',') AS uuid[])) AS event_id),"
    " claimed AS (INSERT INTO inbox (consumer, event_id) SELECT :consumer, event_id FROM given"
    "  ON CONFLICT DO NOTHING RETURNING event_id)"
    " SELECT event_id FROM given EXCEPT SELECT event_id FROM claimed"
)


def create(op: Operations) -> None:
    """Make the table."""
    op.execute(_DDL)


async def claim(session: AsyncSession, consumer: str, event_ids: Iterable[str]) -> set[str]:
    """Note that `consumer` handles these events now; the ids among them that it had handled before."""
    ids = ",".join(event_ids)
    return set(map(str, await session.scalars(_CLAIM, {"consumer": consumer, "ids": ids})))
