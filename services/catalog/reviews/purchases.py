"""Who has bought what.

A cancelled order is no purchase: nothing of it was shipped. It is remembered, for what is told of an order may come in
any order. A return takes nothing away: who sent a product back knows it, too.
"""

from collections.abc import Collection

import orjson
from sqlalchemy import delete, func, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog.reviews.models import CancelledOrder, Purchase
from services.common.storage.upsert import upsert_rows

Pair = tuple[str, int]
"""A user and a product."""
Line = tuple[str, int, int]
"""A user, a product, and the order by which it was bought."""
_BOUGHT = text(  # a parent is not sold: who has bought a variant knows it
    "SELECT DISTINCT given.u, given.p FROM json_to_recordset(CAST(:rows AS json)) AS given (u text, p bigint)"
    " WHERE EXISTS (SELECT FROM purchases WHERE user_id = given.u AND product_id = given.p)"
    " OR EXISTS (SELECT FROM products JOIN purchases ON product_id = id"
    "  WHERE parent_id = given.p AND user_id = given.u)"
)


async def add(session: AsyncSession, lines: Collection[Line]) -> None:
    """Record purchases, but those by cancelled orders."""
    theirs = CancelledOrder.user_id == func.any(list({user for user, _, _ in lines}))
    found = await session.execute(select(CancelledOrder.user_id, CancelledOrder.order_id).where(theirs))
    cancelled = {(row.user_id, row.order_id) for row in found}
    await upsert_rows(
        session,
        Purchase,
        [
            {"user_id": user, "product_id": product, "order_id": order}
            for user, product, order in lines
            if (user, order) not in cancelled
        ],
    )


async def cancel(session: AsyncSession, orders: Collection[tuple[str, int]]) -> set[Pair]:
    """Forget the purchases of cancelled orders, each of a user; gives what they were, which other orders may have."""
    if not orders:
        return set()
    await upsert_rows(session, CancelledOrder, [{"user_id": user, "order_id": order} for user, order in orders])
    theirs = tuple_(Purchase.user_id, Purchase.order_id).in_(list(orders))
    gone = await session.execute(delete(Purchase).where(theirs).returning(Purchase.user_id, Purchase.product_id))
    return {(row.user_id, row.product_id) for row in gone}


async def bought_among(session: AsyncSession, pairs: Collection[Pair]) -> set[Pair]:
    """The pairs whose user has bought the product, or a variant of it."""
    rows = orjson.dumps([{"u": user_id, "p": product_id} for user_id, product_id in pairs]).decode()
    return {(row.u, row.p) for row in await session.execute(_BOUGHT, {"rows": rows})}
