"""What users wish of their shelves, from the events of profile: none of their own, or not all of them."""

from collections.abc import Sequence

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.messaging.erasure import erased_among
from services.common.messaging.messages import Message
from services.contracts.events.identity import UserProfileUpdated

TOPIC = "profile.v1"
_UPSERT = text(
    "INSERT INTO wishes (user_id, version, has_consent, opted_out)"
    " SELECT user_id, version, has_consent, opted_out FROM json_populate_recordset(NULL::wishes, CAST(:rows AS json))"
    " ON CONFLICT (user_id) DO UPDATE"
    " SET version = excluded.version, has_consent = excluded.has_consent, opted_out = excluded.opted_out"
    " WHERE wishes.version <= excluded.version"
)


async def follow_profiles(session: AsyncSession, messages: Sequence[Message]) -> None:
    """Apply what profiles say, whatever order it arrives in; of deleted users nothing is kept."""
    told = [message.payload for message in messages if isinstance(message.payload, UserProfileUpdated)]
    if not told:
        return
    erased = await erased_among(session, {each.user_id for each in told})
    newest = {each.user_id: each for each in sorted(told, key=lambda each: each.profile_version)}
    rows = [
        {
            "user_id": each.user_id,
            "version": each.profile_version,
            "has_consent": each.personalisation_consent,
            "opted_out": each.opted_out_shelves,
        }
        for each in newest.values()
        if each.user_id not in erased
    ]
    await session.execute(_UPSERT, {"rows": orjson.dumps(rows).decode()})
