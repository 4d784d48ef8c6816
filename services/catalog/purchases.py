"""Who has bought what. A return takes nothing away: who sent a product back knows it, too."""

from collections.abc import Collection

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog.models import Purchase
from services.common.storage.upsert import upsert_rows
from services.contracts.envelope import VISITOR

Pair = tuple[str, int]
"""A user and a product."""
_BOUGHT = text(  # a parent is not sold: who has bought a variant knows it
    "SELECT DISTINCT given.u, given.p FROM json_to_recordset(CAST(:rows AS json)) AS given (u text, p bigint)"
    " WHERE EXISTS (SELECT FROM purchases WHERE user_id = given.u AND (product_id = given.p"
    "  OR product_id IN (SELECT id FROM products WHERE parent_id = given.p)))"
)


async def add(session: AsyncSession, pairs: Collection[Pair]) -> None:
    """Record purchases, in one statement; a guest's order is nobody's."""
    named = [(user_id, product_id) for user_id, product_id in pairs if not user_id.startswith(VISITOR)]
    await upsert_rows(session, Purchase, [{"user_id": user_id, "product_id": product} for user_id, product in named])


async def bought_among(session: AsyncSession, pairs: Collection[Pair]) -> set[Pair]:
    """The pairs whose user has bought the product, or a variant of it."""
    rows = orjson.dumps([{"u": user_id, "p": product_id} for user_id, product_id in pairs]).decode()
    return {(row.u, row.p) for row in await session.execute(_BOUGHT, {"rows": rows})}
