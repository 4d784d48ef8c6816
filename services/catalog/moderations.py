"""What merchandisers did to reviews, by who did it."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.contracts.envelope import ERASED

_OF_A_USER = text(
    "SELECT reviews.id AS review_id, done.* FROM reviews, jsonb_to_recordset(moderations)"
    ' AS done ("isHidden" bool, reason text, by text, at timestamptz)'
    " WHERE moderations @> CAST(:which AS jsonb) AND done.by = :id ORDER BY at"
)
_ERASE = text(
    "UPDATE reviews SET moderations = ("
    "  SELECT jsonb_agg("
    "   CASE WHEN done ->> 'by' = :id THEN jsonb_set(done, '{by}', CAST(:erased AS jsonb)) ELSE done END ORDER BY place"
    "  )"
    "  FROM jsonb_array_elements(moderations) WITH ORDINALITY AS each (done, place))"
    " WHERE moderations @> CAST(:which AS jsonb)"
)


async def of_a_user(session: AsyncSession, user_id: str) -> Sequence[dict[str, Any]]:
    """Which reviews a user has hidden or shown again, when, and why."""
    found = await session.execute(_OF_A_USER, {"id": user_id, "which": _by(user_id)})
    return [{name: value for name, value in row.items() if name != "by"} for row in found.mappings()]


async def erase(session: AsyncSession, user_ids: Sequence[str]) -> None:
    """Put a random id in the place of each deleted user's."""
    for user_id in user_ids:
        erased = orjson.dumps(f"{ERASED}{uuid4()}").decode()
        await session.execute(_ERASE, {"id": user_id, "erased": erased, "which": _by(user_id)})


def _by(user_id: str) -> str:
    return orjson.dumps([{"by": user_id}]).decode()
