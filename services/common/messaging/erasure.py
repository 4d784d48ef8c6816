"""Erases the data of deleted users: a consumer of auth's events that reports each erasure on `erasures.v1`.

Consumer(settings, topics=[TOPIC], handle=erasing("content", service.erase), name="erasure", ...)

A user's deletion is complete once every service of `ERASING` has reported it; profile keeps the account of that.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from services.common.messaging.messages import Message
from services.common.messaging.outbox import append_events
from services.contracts.envelope import Event
from services.contracts.events.identity import UserDataErased

TOPIC: Final = "auth.v1"
Erase = Callable[[AsyncSession, list[str]], Awaitable[None]]
"""Removes what a service has of these users, in the caller's transaction; it may be called again for the same ones."""


def erasing(service: str, erase: Erase) -> Callable[[AsyncSession, Sequence[Message]], Awaitable[None]]:
    """The handler of a service's consumer."""

    async def handle(session: AsyncSession, messages: Sequence[Message]) -> None:
        deleted = {str(message.payload.user_id) for message in messages if message.event_type == "USER_DELETED"}  # type: ignore[attr-defined]
        if deleted:
            await erase(session, sorted(deleted))
            await report_erased(session, service, deleted)

    return handle


async def report_erased(session: AsyncSession, service: str, user_ids: Collection[str]) -> None:
    """Append the report that a service has erased these users."""
    now = datetime.now(UTC)
    reports = (UserDataErased(user_id=each, service=service, erased_at=now) for each in user_ids)
    await append_events(session, (Event.of("USER_DATA_ERASED", each, producer=service) for each in reports))
