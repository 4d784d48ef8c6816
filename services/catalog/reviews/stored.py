"""Reads and writes reviews of products whose rows are locked, with what follows: events, and the products' ratings."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Numeric, cast, delete, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog import store
from services.catalog.reviews.models import Review
from services.catalog.reviews.purchases import Pair
from services.catalog.service import PRODUCER, rate
from services.common.messaging.outbox import append_all
from services.common.storage.upsert import upsert_rows
from services.contracts.events.catalog import ReviewDeleted, ReviewSnapshot

Row = dict[str, Any]
"""A review by its columns; the id of one that is not stored yet is 0."""
_COLUMNS = [column for column in Review.__table__.columns if column.name != "created_at"]


async def read(session: AsyncSession, pairs: Collection[Pair]) -> list[Row]:
    """The reviews that users have written of products."""
    query = select(*_COLUMNS).where(tuple_(Review.user_id, Review.product_id).in_(list(pairs)))
    return [dict(row) for row in (await session.execute(query)).mappings()]


async def write(session: AsyncSession, rows: Sequence[Row]) -> None:
    """Store reviews, new and changed ones."""
    new = [row for row in rows if not row["id"]]
    for row, review_id in zip(new, await store.new_ids(session, Review, len(new)), strict=True):
        row["id"] = review_id
    await upsert_rows(session, Review, rows)
    await tell(session, rows)


async def tell(session: AsyncSession, rows: Sequence[Row]) -> None:
    """Tell how reviews are now, and rate their products."""
    await append_all(session, PRODUCER, [("REVIEW_UPDATED", _snapshot(row)) for row in rows])
    await _rate(session, {row["product_id"] for row in rows})


async def remove(session: AsyncSession, which: ColumnElement[bool]) -> None:
    """Delete reviews, tell that they are gone, and rate their products."""
    rows = (await session.execute(delete(Review).where(which).returning(Review.id, Review.product_id))).all()
    gone = [ReviewDeleted(review_id=row.id, product_id=row.product_id) for row in rows]
    await append_all(session, PRODUCER, [("REVIEW_DELETED", each) for each in gone])
    await _rate(session, {row.product_id for row in rows})


def _snapshot(row: Row) -> ReviewSnapshot:
    return ReviewSnapshot(
        review_id=row["id"],
        product_id=row["product_id"],
        rating=row["rating"],
        text_length=len(row["text"] or ""),
        is_hidden=row["is_hidden"],
        submitted_at=row["submitted_at"],
        review_version=row["version"],
    )


async def _rate(session: AsyncSession, product_ids: Collection[int]) -> None:
    """Compute the ratings of products from the reviews that are shown."""
    if not product_ids:
        return
    average = func.round(func.avg(cast(Review.rating, Numeric)), 2)
    shown = select(Review.product_id, average.label("average"), func.count().label("number"))
    shown = shown.where(Review.product_id == func.any(list(product_ids)), Review.is_hidden.is_(False))
    found = {row.product_id: row for row in await session.execute(shown.group_by(Review.product_id))}
    ratings = {each: (float(row.average), row.number) for each, row in found.items()}
    await rate(session, dict.fromkeys(product_ids, (0.0, 0)) | ratings)
