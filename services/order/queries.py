"""Reads orders and returns."""

from collections.abc import Sequence
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.order.models import Order, Return

Row = TypeVar("Row", Order, Return)


async def latest(
    session: AsyncSession,
    table: type[Row],
    most: int,
    *,
    before: int | None,
    user_id: str | None = None,
    order_id: int | None = None,
) -> Sequence[Row]:
    """Rows of a user, or of an order, the latest first, those before an id."""
    conditions = [
        *([table.user_id == user_id] if user_id is not None else []),
        *([Return.order_id == order_id] if order_id is not None else []),
        *([table.id < before] if before is not None else []),
    ]
    return (await session.scalars(select(table).where(*conditions).order_by(table.id.desc()).limit(most))).all()
