"""Follows catalog, so that shelves show current names, prices, stock and offers."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.messaging.messages import Message
from services.common.storage.upsert import upsert_rows
from services.content import mirror
from services.content.models import Category, Product
from services.content.queries import bump_version
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

    Pages are composed again only if they may differ: not for each sold unit.
    """
    categories, products = [], []
    for message in messages:
        payload = message.payload
        if isinstance(payload, CATEGORY_EVENTS):
            categories.append((payload.category_id, payload))
        elif isinstance(payload, PRODUCT_EVENTS):
            products.append((payload.product_id, payload))
    is_renamed = await _apply(session, Category, mirror.UNKNOWN_CATEGORY, categories)
    if await _apply(session, Product, mirror.UNKNOWN_PRODUCT, products) or is_renamed:
        await bump_version(session)


async def _apply(
    session: AsyncSession,
    table: type[Category | Product],
    unknown: mirror.Copy,
    events: Sequence[tuple[int, Contract]],
) -> bool:
    """Whether a page may differ."""
    ids = {each for each, _ in events}
    query = select(*table.__table__.columns).where(table.id == func.any(list(ids)))
    known = {row["id"]: dict(row) for row in (await session.execute(query)).mappings()}
    before = {each: known.get(each) or {"id": each, **unknown} for each in ids}
    after = {each: dict(copy) for each, copy in before.items()}
    for each, payload in events:
        mirror.apply(after[each], payload)
    changed = [each for each in ids if after[each] != before[each]]
    await upsert_rows(session, table, [after[each] for each in changed])
    return any(mirror.visible(after[each]) != mirror.visible(before[each]) for each in changed)
