"""The inbox: ids of handled events, written in the handler's own transaction, so that a second delivery does nothing.

A consumer uses it by itself; a migration makes the table by `create(op)`.
"""

from collections.abc import Sequence
from uuid import UUID

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
_CLAIM = text(
    "INSERT INTO inbox (consumer, event_id) SELECT :consumer, unnest(CAST(:ids AS uuid[]))"
    " ON CONFLICT DO NOTHING RETURNING event_id"
)


def create(op: Operations) -> None:
    """Make the table."""
    op.execute(_DDL)


async def claim(session: AsyncSession, consumer: str, event_ids: Sequence[UUID]) -> set[UUID]:
    """Note that `consumer` handles these events now; the ids that it had not handled before."""
    return set((await session.scalars(_CLAIM, {"consumer": consumer, "ids": list(event_ids)})).all())
