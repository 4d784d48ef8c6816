"""Who has bought what.

A cancelled order is no purchase: nothing of it was shipped. A return takes nothing away: who sent a product back knows
it, too.
"""

from collections.abc import Collection

import orjson
from sqlalchemy import delete, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog.reviews.models import Purchase
from services.common.storage.upsert import upsert_rows
from services.contracts.envelope import VISITOR

Pair = tuple[str, int]
"""A user and a product."""
Line = tuple[str, int, int]
"""A user, a product, and the order by which it was bought."""
_BOUGHT = text(  # a parent is not sold: who has bought a variant knows it
    "SELECT DISTINCT given.u, given.p FROM json_to_recordset(CAST(:rows AS json)) AS given (u text, p bigint)"
    " WHERE EXISTS (SELECT FROM purchases WHERE user_id = given.u AND (product_id = given.p"
    "  OR product_id IN (SELECT id FROM products WHERE parent_id = given.p)))"
)


async def add(session: AsyncSession, lines: Collection[Line]) -> None:
    """Record purchases, in one statement; a guest's order is nobody's."""
    named = [line for line in lines if not line[0].startswith(VISITOR)]
    await upsert_rows(
        session,
        Purchase,
        [{"user_id": user, "product_id": product, "order_id": order} for user, product, order in named],
    )


async def cancel(session: AsyncSession, orders: Collection[tuple[str, int]]) -> set[Pair]:
    """Forget the purchases of cancelled orders, each of a user; gives what they were, which other orders may have."""
    if not orders:
        return set()
    theirs = tuple_(Purchase.user_id, Purchase.order_id).in_(list(orders))
    gone = await session.execute(delete(Purchase).where(theirs).returning(Purchase.user_id, Purchase.product_id))
    return {(row.user_id, row.product_id) for row in gone}


async def bought_among(session: AsyncSession, pairs: Collection[Pair]) -> set[Pair]:
    """The pairs whose user has bought the product, or a variant of it."""
    rows = orjson.dumps([{"u": user_id, "p": product_id} for user_id, product_id in pairs]).decode()
    return {(row.u, row.p) for row in await session.execute(_BOUGHT, {"rows": rows})}
