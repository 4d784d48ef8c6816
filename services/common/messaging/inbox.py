"""The inbox: ids of handled events, written in the handler's own transaction, so that a second delivery does nothing.

A consumer uses it by itself; a service's models name the table (`class Inbox(InboxTable, Base)`), and its migrations
make it. An id is known for 100 days, longer than the
longest retention of a topic that has one: each batch deletes up to twice as many older ids as it has messages. A
handler whose messages may come again later than that (a topic without retention, an old dead letter) must tolerate it.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

_CLAIM = text(  # returns those handled before, mostly none; the ids are sent as one text, which is fastest with psycopg
    "WITH old AS (DELETE FROM inbox WHERE ctid = ANY(ARRAY("
    "  SELECT ctid FROM inbox WHERE handled_at < now() - interval '100 days' LIMIT :most FOR UPDATE SKIP LOCKED))),"
    " given AS (SELECT unnest(CAST(string_to_array(:ids, ',') AS uuid[])) AS event_id),"
    " claimed AS (INSERT INTO inbox (consumer, event_id) SELECT :consumer, event_id FROM given"
    "  ON CONFLICT DO NOTHING RETURNING event_id)"
    " SELECT event_id FROM given EXCEPT SELECT event_id FROM claimed"
)


class InboxTable:
    """The events that each consumer of a service has handled."""

    __tablename__ = "inbox"

    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    consumer: Mapped[str] = mapped_column(primary_key=True)
    handled_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)


async def claim(session: AsyncSession, consumer: str, event_ids: Iterable[str]) -> set[str]:
    """Record that `consumer` handles these events; returns the ids that it had handled before."""
    ids = list(event_ids)
    values = {"consumer": consumer, "ids": ",".join(ids), "most": 2 * len(ids)}
    return set(map(str, await session.scalars(_CLAIM, values)))
