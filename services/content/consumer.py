"""Follows the catalog, so that shelves show names, prices and stock as their owner has them, and only true offers."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.bulk import upsert
from services.common.messages import Message
from services.content import mirror
from services.content.models import Category, Product
from services.content.queries import touch
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
    """Apply events in their order to the copies, in a few statements however many they are."""
    categories, products = [], []
    for message in messages:
        payload = message.payload
        if isinstance(payload, CATEGORY_EVENTS):
            categories.append((payload.category_id, payload))
        elif isinstance(payload, PRODUCT_EVENTS):
            products.append((payload.product_id, payload))
    await _apply(session, Category, mirror.UNKNOWN_CATEGORY, categories)
    await _apply(session, Product, mirror.UNKNOWN_PRODUCT, products)
    await touch(session)


async def _apply(
    session: AsyncSession,
    table: type[Category | Product],
    unknown: mirror.Copy,
    events: Sequence[tuple[int, Contract]],
) -> None:
    query = select(*table.__table__.columns).where(table.id == func.any([each for each, _ in events]))
    copies: dict[int, mirror.Copy] = {row["id"]: dict(row) for row in (await session.execute(query)).mappings()}
    for each, payload in events:
        mirror.apply(copies.setdefault(each, {"id": each, **unknown}), payload)
    await upsert(session, table, list(copies.values()))
