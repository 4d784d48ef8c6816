"""The account of deletions: which services have erased a deleted user's data, and which have not yet."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Row, Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.messaging.messages import Message
from services.common.runtime.errors import NotFound
from services.common.storage.upsert import upsert_rows
from services.contracts.events.identity import ERASING, UserDataErased
from services.profile.models import DeletedUser, Erasure

TOPIC: Final = "erasures.v1"


class NoErasure(NotFound):
    """No user of this id was deleted."""

    title = "No erasure"


async def follow_erasures(session: AsyncSession, messages: Sequence[Message]) -> None:
    """Record what services report; a report may come before the news of the deletion."""
    reports = [message.payload for message in messages if isinstance(message.payload, UserDataErased)]
    rows = {
        (each.user_id, each.service): {"user_id": each.user_id, "service": each.service, "erased_at": each.erased_at}
        for each in reports
    }
    await upsert_rows(session, Erasure, list(rows.values()))


async def read(session: AsyncSession, user_id: str) -> Row[Any]:
    """One deletion.

    Raises:
        NoErasure: see the class.
    """
    found: Row[Any] | None = (await session.execute(_account().where(DeletedUser.id == user_id))).one_or_none()
    if found is None:
        raise NoErasure(f"No user {user_id} was deleted.")
    return found


async def incomplete(session: AsyncSession, limit: int, after: str | None) -> list[Row[Any]]:
    """Deletions that some service has not reported, by user."""
    query = _account().having(func.count(Erasure.service) < len(ERASING)).order_by(DeletedUser.id).limit(limit)
    if after is not None:
        query = query.where(DeletedUser.id > after)
    return list((await session.execute(query)).all())


def _account() -> Select[Any]:
    """Each deleted user with the reports of the services that have data of users."""
    reported = (Erasure.user_id == DeletedUser.id) & Erasure.service.in_(ERASING)
    return (
        select(
            DeletedUser.id,
            DeletedUser.deleted_at,
            func.array_remove(func.array_agg(Erasure.service), None).label("reported"),
            func.max(Erasure.erased_at).label("last_erased_at"),
        )
        .outerjoin(Erasure, reported)
        .group_by(DeletedUser.id)
    )
