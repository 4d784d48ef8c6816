"""The rows of one page, the latest first; `services.common.web.paging` has the cursors and the page around them."""

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute

Row = TypeVar("Row", bound=DeclarativeBase)


async def latest(
    session: AsyncSession,
    table: type[Row],
    which: ColumnElement[bool],
    order: Sequence[InstrumentedAttribute[Any]],
    after: tuple[Any, ...] | None,
    limit: int,
) -> Sequence[Row]:
    """Rows of a table, the latest first.

    Args:
        session: runs the query.
        table: whose rows.
        which: the condition that they fulfil.
        order: the columns that say what is later, together unique.
        after: the values of these columns where the page before ended; None for the first page.
        limit: at most so many.
    """
    query = select(table).where(which)
    if after is not None:
        query = query.where(tuple_(*order) < tuple_(*after))
    return (await session.scalars(query.order_by(*(column.desc() for column in order)).limit(limit))).all()
