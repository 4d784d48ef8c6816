"""The stock of products, which is what can still be sold. Each function runs in the caller's transaction."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog.domain import MAX_STOCK
from services.catalog.models import Product
from services.catalog.service import PRODUCER, ProductNotFound
from services.catalog.variants import check_has_stock
from services.common.messaging.outbox import append_all
from services.common.runtime.errors import Conflict
from services.contracts.events.catalog import StockChanged

Quantities = Mapping[int, int]
"""Pieces by product id."""
_LEVEL = (Product.id, Product.stock, Product.stock_version)
_MOVE = text(  # never below 0: the constraint refuses it; a stock that is counted anew meanwhile may be at its maximum
    f"UPDATE products SET stock = least(stock + m.pieces, {MAX_STOCK}), stock_version = stock_version + 1,"  # noqa: S608
    " updated_at = now() FROM json_to_recordset(CAST(:moves AS json)) AS m (id bigint, pieces bigint)"
    " WHERE products.id = m.id RETURNING products.id, stock, stock_version"
)


class StockOutOfRange(Conflict):
    """The stock would go below 0 or above its maximum."""

    title = "Stock out of range"


async def change(session: AsyncSession, product_id: int, amount: int, reason: str | None) -> None:
    """Change the stock of one product atomically.

    Raises:
        ProductNotFound, SoldByVariants, StockOutOfRange: see the classes.
    """
    await check_has_stock(session, product_id)
    stock = Product.stock + amount
    stock_is_possible = stock.between(0, MAX_STOCK)
    version = Product.stock_version + int(amount != 0)
    changing = update(Product).where(Product.id == product_id, stock_is_possible)
    changing = changing.values(stock=stock, stock_version=version, updated_at=func.now())
    after = (await session.execute(changing.returning(*_LEVEL))).one_or_none()
    if after is None:
        if await session.scalar(select(Product.id).where(Product.id == product_id)) is None:
            raise ProductNotFound(f"There is no product {product_id}.")
        raise StockOutOfRange(f"The stock cannot change by {amount}.")
    if amount:
        await _tell(session, [after], reason)


async def move(session: AsyncSession, pieces: Quantities, reason: str) -> None:
    """Change the stocks of products, which are locked in the order of their ids, so that callers cannot deadlock."""
    if not pieces:
        return
    locking = select(Product.id).where(Product.id == func.any(list(pieces))).order_by(Product.id).with_for_update()
    await session.execute(locking)
    moves = [{"id": product_id, "pieces": count} for product_id, count in pieces.items()]
    rows = await session.execute(_MOVE, {"moves": orjson.dumps(moves).decode()})
    await _tell(session, rows, reason)


async def _tell(session: AsyncSession, rows: Iterable[Any], reason: str | None) -> None:
    levels = (
        StockChanged(product_id=row.id, stock=row.stock, reason=reason, stock_version=row.stock_version) for row in rows
    )
    await append_all(session, PRODUCER, (("STOCK_CHANGED", level) for level in levels))
