"""Reads orders and returns."""

from collections.abc import Sequence
from typing import TypeVar

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.order.models import Order, Return

Row = TypeVar("Row", Order, Return)


async def latest(
    session: AsyncSession, table: type[Row], which: ColumnElement[bool], before: int | None, most: int
) -> Sequence[Row]:
    """Some orders or returns, the latest first, those before an id."""
    query = select(table).where(which, *([table.id < before] if before is not None else []))
    return (await session.scalars(query.order_by(table.id.desc()).limit(most))).all()
