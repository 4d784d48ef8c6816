"""What is known of users: their reviews, what they bought, and what they did to the reviews of others."""

from typing import Any
from uuid import uuid4

import orjson
from sqlalchemy import delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog import store
from services.catalog.models import Product
from services.catalog.reviews import stored
from services.catalog.reviews.models import CancelledOrder, EarlyReview, Purchase, Review
from services.common.web.idempotency_store import forget_answers
from services.contracts.envelope import ERASED

_MODERATED = text(
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


async def known_of(session: AsyncSession, user_id: str) -> dict[str, Any]:
    """What is stored about a user."""
    theirs = select(Review).where(Review.user_id == user_id).order_by(Review.id)
    bought = select(Purchase.product_id).where(Purchase.user_id == user_id).order_by(Purchase.product_id).distinct()
    waiting = select(EarlyReview).where(EarlyReview.user_id == user_id).order_by(EarlyReview.product_id)
    return {
        "reviews": list(await session.scalars(theirs)),
        "waiting_reviews": list(await session.scalars(waiting)),
        "bought_product_ids": list(await session.scalars(bought)),
        "moderations": await _moderated(session, user_id),
    }


async def erase(session: AsyncSession, user_ids: list[str]) -> None:
    """Delete what is known of users; the ratings of products are then those of other reviews.

    What they moderated stays as it is, with a random id each.
    """
    await forget_answers(session, user_ids)
    for user_id in user_ids:
        erased = orjson.dumps(f"{ERASED}{uuid4()}").decode()
        await session.execute(_ERASE, {"id": user_id, "erased": erased, "which": _by(user_id)})
    for table in (Purchase, CancelledOrder, EarlyReview):
        await session.execute(delete(table).where(table.user_id == func.any(user_ids)))
    theirs = Review.user_id == func.any(user_ids)
    ids = (await session.scalars(select(Review.product_id).where(theirs))).all()
    await store.lock_products(session, Product.id == func.any(list(ids)))
    await stored.remove(session, theirs)


async def _moderated(session: AsyncSession, user_id: str) -> list[dict[str, Any]]:
    """Which reviews a user has hidden or shown again, when, and why."""
    found = await session.execute(_MODERATED, {"id": user_id, "which": _by(user_id)})
    return [{name: value for name, value in row.items() if name != "by"} for row in found.mappings()]


def _by(user_id: str) -> str:
    return orjson.dumps([{"by": user_id}]).decode()
