"""What users wish of their shelves, from the events of profile: none of their own, or not all of them."""

from collections.abc import Sequence

import orjson
from sqlalchemy import delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.messaging.messages import Message
from services.content.models import Wish
from services.contracts.events.identity import UserProfileUpdated

TOPIC = "profile.v1"
_UPSERT = text(
    "INSERT INTO wishes (user_id, version, has_consent, opted_out)"
    " VALUES (:user_id, :version, :has_consent, CAST(:opted_out AS jsonb)) ON CONFLICT (user_id) DO UPDATE"
    " SET version = excluded.version, has_consent = excluded.has_consent, opted_out = excluded.opted_out"
    " WHERE wishes.version <= excluded.version"
)


async def follow_profiles(session: AsyncSession, messages: Sequence[Message]) -> None:
    """Apply what profiles say, whatever order it arrives in."""
    for message in messages:
        told = message.payload
        if isinstance(told, UserProfileUpdated):
            wish = {
                "user_id": told.user_id,
                "version": told.profile_version,
                "has_consent": told.personalisation_consent,
                "opted_out": orjson.dumps(told.opted_out_shelves).decode(),
            }
            await session.execute(_UPSERT, wish)


async def of(session: AsyncSession, user_id: str | None) -> tuple[str | None, frozenset[str]]:
    """Whose shelves a user gets, None for everyone's; and which of them are left out."""
    if user_id is None:
        return None, frozenset()
    row = (await session.execute(select(Wish.has_consent, Wish.opted_out).where(Wish.user_id == user_id))).one_or_none()
    if row is None:
        return user_id, frozenset()
    return user_id if row.has_consent else None, frozenset(row.opted_out)


async def forget(session: AsyncSession, user_ids: list[str]) -> None:
    """Remove what deleted users wished."""
    await session.execute(delete(Wish).where(Wish.user_id == func.any(user_ids)))
