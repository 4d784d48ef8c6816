"""Erases the data of deleted users: a consumer of auth's events that reports each erasure on `erasures.v1`.

    class ErasedUser(ErasedTable, Base): ...
    Consumer(settings, topics=[TOPIC], handle=erasing("content", service.erase), name="erasure", ...)
    erased = await erased_among(session, user_ids)      # before anything of these users is stored

A user's deletion is complete once every service of `ERASING` has reported it; profile keeps the account of that. Events
of other topics may arrive after it. So the ids of deleted users stay, and who stores something of users asks for them:
an erasure waits until what is being stored is committed, and the other way round.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import func, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from services.common.messaging.messages import Message
from services.common.messaging.outbox import append_events
from services.contracts.envelope import Event
from services.contracts.events.identity import UserDataErased

TOPIC: Final = "auth.v1"
Erase = Callable[[AsyncSession, list[str]], Awaitable[None]]
"""Removes what a service has of these users, in the caller's transaction; it may be called again for the same ones."""
_ERASING = text("SELECT pg_advisory_xact_lock(hashtextextended('services.common.messaging.erasure', 0))")
_STORING = text("SELECT pg_advisory_xact_lock_shared(hashtextextended('services.common.messaging.erasure', 0))")
_REMEMBER = text("INSERT INTO erased_users (id) SELECT unnest(CAST(:ids AS text[])) ON CONFLICT DO NOTHING")
_AMONG = text("SELECT id FROM erased_users WHERE id = ANY(:ids)")


class ErasedTable:
    """The users who were deleted: nothing of them is stored any more."""

    __tablename__ = "erased_users"

    id: Mapped[str] = mapped_column(primary_key=True)
    erased_at: Mapped[datetime] = mapped_column(server_default=func.now())


def erasing(service: str, erase: Erase) -> Callable[[AsyncSession, Sequence[Message]], Awaitable[None]]:
    """The handler of a service's consumer."""

    async def handle(session: AsyncSession, messages: Sequence[Message]) -> None:
        deleted = {str(message.payload.user_id) for message in messages if message.event_type == "USER_DELETED"}  # type: ignore[attr-defined]
        if deleted:
            ids = sorted(deleted)
            await session.execute(_ERASING)
            await session.execute(_REMEMBER, {"ids": ids})
            await erase(session, ids)
            await report_erased(session, service, ids)

    return handle


async def erased_among(session: AsyncSession, user_ids: Collection[str]) -> set[str]:
    """Those of the users who were erased; until the caller's transaction ends no other one is."""
    await session.execute(_STORING)
    return set(await session.scalars(_AMONG, {"ids": list(user_ids)}))


async def report_erased(session: AsyncSession, service: str, user_ids: Collection[str]) -> None:
    """Append the report that a service has erased these users."""
    now = datetime.now(UTC)
    reports = (UserDataErased(user_id=each, service=service, erased_at=now) for each in user_ids)
    await append_events(session, (Event.of("USER_DATA_ERASED", each, producer=service) for each in reports))
