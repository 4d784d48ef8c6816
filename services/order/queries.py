"""Reads orders and returns."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.order.models import Order, Return


async def orders_of(session: AsyncSession, user_id: str, before: int | None, most: int) -> Sequence[Order]:
    """A user's orders, the latest first, those before an id."""
    query = select(Order).where(Order.user_id == user_id, *([Order.id < before] if before is not None else []))
    return (await session.scalars(query.order_by(Order.id.desc()).limit(most))).all()


async def returns_of(session: AsyncSession, order_id: int, before: int | None, most: int) -> Sequence[Return]:
    """The returns of an order, the latest first, those before an id."""
    query = select(Return).where(Return.order_id == order_id, *([Return.id < before] if before is not None else []))
    return (await session.scalars(query.order_by(Return.id.desc()).limit(most))).all()
