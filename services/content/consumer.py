"""Follows the catalog, so that shelves show names, prices and stock as their owner has them, and only true offers."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.bulk import upsert
from services.common.messages import Message
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
PRODUCT_EVENTS = (ProductSnapshot, ProductDeleted, StockChanged, SpecialPriceSet, SpecialPriceEnded)
NO_OFFER = {"special_price": None, "special_starts_at": None, "special_ends_at": None}


async def follow_catalog(session: AsyncSession, messages: Sequence[Message]) -> None:
    """Apply events in their order to the copies, in a few statements however many they are."""
    payloads = [message.payload for message in messages]
    await _apply_to_categories(session, payloads)
    await _apply_to_products(session, payloads)
    await touch(session)


async def _apply_to_products(session: AsyncSession, payloads: Sequence[Contract]) -> None:
    ids = {payload.product_id for payload in payloads if isinstance(payload, PRODUCT_EVENTS)}
    query = select(*Product.__table__.columns).where(Product.id == func.any(list(ids)))
    known: dict[int, dict[str, Any]] = {row["id"]: dict(row) for row in (await session.execute(query)).mappings()}
    for payload in payloads:
        if isinstance(payload, ProductSnapshot):
            known.setdefault(payload.product_id, {"id": payload.product_id, **NO_OFFER})
        if isinstance(payload, PRODUCT_EVENTS) and payload.product_id in known:
            known[payload.product_id].update(_values(payload))
    await upsert(session, Product, list(known.values()))


def _values(payload: Contract) -> dict[str, Any]:
    """What an event says of its product, by column."""
    match payload:
        case ProductSnapshot():
            fields = payload.model_dump(include={"name", "price", "currency", "rating", "image", "stock", "is_active"})
            return {**fields, "category_id": max(payload.category_ids, default=None)}
        case StockChanged():
            return {"stock": payload.stock}
        case SpecialPriceSet():
            dates = {"special_starts_at": payload.start_date, "special_ends_at": payload.end_date}
            return {"special_price": payload.special_price, **dates}
        case SpecialPriceEnded():
            return NO_OFFER
        case _:  # deleted
            return {"is_active": False, "stock": 0, **NO_OFFER}


async def _apply_to_categories(session: AsyncSession, payloads: Sequence[Contract]) -> None:
    names: dict[int, str | None] = {}
    for payload in payloads:
        if isinstance(payload, CategorySnapshot):
            names[payload.category_id] = payload.name
        elif isinstance(payload, CategoryDeleted):
            names[payload.category_id] = None
    await upsert(session, Category, [{"id": each, "name": name} for each, name in names.items() if name is not None])
    deleted = [each for each, name in names.items() if name is None]
    await session.execute(delete(Category).where(Category.id == func.any(deleted)))
