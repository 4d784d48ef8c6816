"""What is erased of a deleted user: all that was recorded. Later actions of the user are not recorded.

An action of before may arrive after the deletion. So ids stay, and who records waits for who erases.
"""

from collections.abc import Collection

from sqlalchemy import delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.analytics.models import ErasedUser, UserActionLog, ViewHistory
from services.common.storage.upsert import upsert_rows

_ERASE = text("SELECT pg_advisory_xact_lock(hashtextextended('services.analytics.erasure', 0))")
_RECORD = text("SELECT pg_advisory_xact_lock_shared(hashtextextended('services.analytics.erasure', 0))")


async def erase(session: AsyncSession, user_ids: list[str]) -> None:
    """Remove what was recorded of users, for good."""
    await session.execute(_ERASE)
    await upsert_rows(session, ErasedUser, [{"id": each} for each in user_ids])
    for table in (ViewHistory, UserActionLog):
        await session.execute(delete(table).where(table.user_id == func.any(user_ids)))


async def erased_among(session: AsyncSession, user_ids: Collection[str]) -> set[str]:
    """Those of the users who were erased; until the caller's transaction ends no other one is."""
    await session.execute(_RECORD)
    found = await session.scalars(select(ErasedUser.id).where(ErasedUser.id == func.any(list(user_ids))))
    return set(found)
