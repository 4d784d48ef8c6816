"""Loads, locks and writes product states, many in a few statements."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog import price_history
from services.catalog.domain import ProductState, described, stored_product
from services.catalog.models import Base, Product, ProductCategory, SpecialPrice
from services.catalog.queries import products
from services.common.storage.upsert import upsert_rows
from services.contracts.events.catalog import SpecialPriceSet
from services.contracts.money import shown

_NEW_IDS = text("SELECT nextval(CAST(:sequence AS regclass)) FROM generate_series(1, :count)")
_KEPT = (
    *("sku", "name", "brand", "currency", "rating", "rating_count", "image", "parent_id"),
    *("stock", "is_active", "product_version", "stock_version"),
)
"""Columns that are fields of a product as they are."""
_WRITTEN = (*(name for name in _KEPT if name != "image"), "images", "keywords", "attributes")
_CREATION = "hashtextextended('services.catalog.creation', 0)"
_LOCK_CREATION = text(f"SELECT pg_advisory_xact_lock({_CREATION})")
_HOLD_CATEGORIES = text(f"SELECT pg_advisory_xact_lock_shared({_CREATION})")


async def lock_products(session: AsyncSession, *conditions: ColumnElement[bool]) -> list[ProductState]:
    """The states of products, locked in id order so that two callers cannot deadlock.

    A second statement reads them: a statement that waited for another writer sees the new product, but the old
    categories and offer.
    """
    locking = select(Product.id).where(*conditions).order_by(Product.id).with_for_update()
    ids = (await session.scalars(locking)).all()
    return [_state(row) for row in await session.execute(products(Product.id == func.any(list(ids))))]


def _state(row: Row[Any]) -> ProductState:
    product = stored_product(
        {
            **described(row.description),
            **{name: getattr(row, name) for name in _KEPT},
            "product_id": row.id,
            "price": shown(row.price, row.currency),
            "images": tuple(row.images),
            "keywords": tuple(row.keywords),
            "attributes": {
                code: tuple(value) if isinstance(value, list) else value for code, value in row.attributes.items()
            },
            "category_ids": tuple(row.category_ids),
        }
    )
    if row.special_price is None:
        return ProductState(product, offer_version=row.offer_version)
    offer = SpecialPriceSet.model_construct(
        product_id=row.id,
        special_price=shown(row.special_price, row.currency),
        currency=row.currency,
        start_date=row.start_date,
        end_date=row.end_date,
    )
    return ProductState(product, offer, row.offer_version)


async def write_products(
    session: AsyncSession, before: Mapping[int, ProductState], after: Sequence[ProductState]
) -> None:
    """Write states that are new or differ from `before`: rows, categories and offers."""
    await upsert_rows(session, Product, [_product_row(state) for state in after])
    moved = [
        state
        for state in after
        if (old := before.get(state.id)) is None or old.product.category_ids != state.product.category_ids
    ]
    repriced = [state for state in after if (old := before.get(state.id)) is None or old.offer != state.offer]
    for table, states in ((ProductCategory, moved), (SpecialPrice, repriced)):
        if ids := [state.id for state in states if state.id in before]:
            await session.execute(delete(table).where(table.product_id == func.any(ids)))
    links = [{"product_id": s.id, "category_id": category} for s in moved for category in s.product.category_ids]
    await upsert_rows(session, ProductCategory, links)
    await upsert_rows(session, SpecialPrice, [_offer_row(state.offer) for state in repriced if state.offer])
    await price_history.keep(session, before, after)


def _product_row(state: ProductState) -> dict[str, Any]:
    fields = state.product.__dict__
    return {
        **{name: fields[name] for name in _WRITTEN},
        "id": state.id,
        "price": str(fields["price"]),
        "description": fields["long_description"] or fields["description"],
        "offer_version": state.offer_version,
    }


def _offer_row(offer: SpecialPriceSet) -> dict[str, Any]:
    terms = {"price": offer.special_price, "start_date": offer.start_date, "end_date": offer.end_date}
    return {"product_id": offer.product_id, **terms}


async def new_ids(session: AsyncSession, table: type[Base], count: int) -> list[int]:
    """Reserve ids before rows are written, so that their events can name them."""
    return list(await session.scalars(_NEW_IDS, {"sequence": f"{table.__tablename__}_id_seq", "count": count}))


async def lock_creation(session: AsyncSession) -> None:
    """Allow one transaction at a time to create missing skus or codes."""
    await session.execute(_LOCK_CREATION)


async def hold_categories(session: AsyncSession) -> None:
    """Let nobody create, move or rename categories meanwhile: who does so has to see every product of them."""
    await session.execute(_HOLD_CATEGORIES)
