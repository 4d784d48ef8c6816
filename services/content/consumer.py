"""Follows catalog, so that shelves show current names, prices, stock and offers."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.messaging.messages import Message
from services.common.storage.upsert import upsert_rows
from services.content import mirror
from services.content.models import Category, Product
from services.content.queries import bump_catalog_version, bump_version
from services.contracts.envelope import Contract
from services.contracts.events.catalog import (
    CategoryDeleted,
    CategorySnapshot,
    ProductDeleted,
    ProductSnapshot,
    SpecialPriceEnded,
    SpecialPriceSet,
    StockChanged,
)

TOPIC = "catalog.v1"
CATEGORY_EVENTS = (CategorySnapshot, CategoryDeleted)
PRODUCT_EVENTS = (ProductSnapshot, ProductDeleted, StockChanged, SpecialPriceSet, SpecialPriceEnded)


async def follow_catalog(session: AsyncSession, messages: Sequence[Message]) -> None:
    """Apply events in order to the copies, in a few statements.

    Only pages that show a product are composed again, and only if it looks otherwise: not for each sold unit.
    """
    categories, products = [], []
    for message in messages:
        payload = message.payload
        if isinstance(payload, CATEGORY_EVENTS):
            categories.append((payload.category_id, payload))
        elif isinstance(payload, PRODUCT_EVENTS):
            products.append((payload.product_id, payload))
    if await _apply(session, Category, mirror.UNKNOWN_CATEGORY, categories):
        await bump_version(session)
    await _apply(session, Product, mirror.UNKNOWN_PRODUCT, products)


async def _apply(
    session: AsyncSession,
    table: type[Category | Product],
    unknown: mirror.Copy,
    events: Sequence[tuple[int, Contract]],
) -> bool:
    """Whether something looks otherwise; products that do have the version of this change."""
    ids = {each for each, _ in events}
    columns = (table.__table__.columns[name] for name in ("id", *unknown))
    query = select(*columns).where(table.id == func.any(list(ids)))
    known = {row["id"]: dict(row) for row in (await session.execute(query)).mappings()}
    before = {each: known.get(each) or {"id": each, **unknown} for each in ids}
    after = {each: dict(copy) for each, copy in before.items()}
    for each, payload in events:
        mirror.apply(after[each], payload)
    changed = {each for each in ids if after[each] != before[each]}
    seen = {each for each in changed if mirror.visible(after[each]) != mirror.visible(before[each])}
    marked = {}
    if seen and table is Product:
        parents = {copies[each]["parent_id"] for each in seen for copies in (before, after)} - {None}
        marked["catalog_version"] = await bump_catalog_version(session, parents)
    await upsert_rows(session, table, [after[each] for each in changed - seen])
    await upsert_rows(session, table, [after[each] | marked for each in seen])
    return bool(seen)
