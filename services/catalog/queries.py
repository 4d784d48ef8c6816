"""The catalog's SQL: products read as states, and many states written in a few statements."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Row,
    Select,
    and_,
    delete,
    func,
    or_,
    select,
    text,
    true,
)
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog.domain import PATH_SEPARATOR, ProductState
from services.catalog.models import Base, Category, Product, ProductCategory, SpecialPrice
from services.common.bulk import upsert
from services.contracts.events.catalog import ProductSnapshot, SpecialPriceSet

ID_DIGITS = 18
_NEW_IDS = text("SELECT nextval(pg_get_serial_sequence(:table, 'id')) FROM generate_series(1, :count)")
_LOCK_CREATION = text("SELECT pg_advisory_xact_lock(hashtextextended('services.catalog.creation', 0))")
_CATEGORY_IDS = func.array(
    select(ProductCategory.category_id)
    .where(ProductCategory.product_id == Product.id)
    .order_by(ProductCategory.category_id)
    .scalar_subquery(),
    type_=ARRAY(BigInteger),
)


def products(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Products with their categories and their offer, by id."""
    offer = (SpecialPrice.price.label("special_price"), SpecialPrice.starts_at, SpecialPrice.ends_at)
    return (
        select(*Product.__table__.columns, _CATEGORY_IDS.label("category_ids"), *offer)
        .outerjoin(SpecialPrice, SpecialPrice.product_id == Product.id)
        .where(*conditions)
        .order_by(Product.id)
    )


async def lock_products(session: AsyncSession, *conditions: ColumnElement[bool]) -> list[ProductState]:
    """The states of products, locked in the order of their ids so that two callers cannot block each other."""
    rows = await session.execute(products(*conditions).with_for_update(of=Product))
    return [_state(row) for row in rows]


def _state(row: Row[Any]) -> ProductState:
    product = ProductSnapshot.model_construct(
        product_id=row.id,
        sku=row.sku,
        name=row.name,
        description=row.description,
        brand=row.brand,
        price=row.price,
        currency=row.currency,
        rating=row.rating,
        image=row.image,
        stock=row.stock,
        is_active=row.is_active,
        category_ids=tuple(row.category_ids),
    )
    if row.special_price is None:
        return ProductState(product)
    offer = SpecialPriceSet.model_construct(
        product_id=row.id,
        special_price=row.special_price,
        currency=row.currency,
        start_date=row.starts_at,
        end_date=row.ends_at,
    )
    return ProductState(product, offer)


async def write_products(
    session: AsyncSession, before: Mapping[int, ProductState], after: Sequence[ProductState]
) -> None:
    """Write states that differ from those of `before`, or are not in it: rows, categories and offers."""
    await upsert(session, Product, [_product_row(state) for state in after])
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
    await upsert(session, ProductCategory, links)
    await upsert(session, SpecialPrice, [_offer_row(state.offer) for state in repriced if state.offer])


def _product_row(state: ProductState) -> dict[str, Any]:
    row = {name: value for name, value in state.product if name not in ("product_id", "category_ids")}
    return {"id": state.id, **row}


def _offer_row(offer: SpecialPriceSet) -> dict[str, Any]:
    terms = {"price": offer.special_price, "starts_at": offer.start_date, "ends_at": offer.end_date}
    return {"product_id": offer.product_id, **terms}


async def new_ids(session: AsyncSession, table: type[Base], count: int) -> list[int]:
    """Ids for rows to come, given out before they are written so that their events can name them."""
    return list(await session.scalars(_NEW_IDS, {"table": table.__tablename__, "count": count}))


async def lock_creation(session: AsyncSession) -> None:
    """Let one transaction at a time look for skus or codes that do not exist yet and create them."""
    await session.execute(_LOCK_CREATION)


def within_category(reference: str) -> ColumnElement[bool]:
    """Whether a product stands in the category of this id or code, or below it."""
    named = Category.code == reference
    if reference.isdecimal() and len(reference) <= ID_DIGITS:
        named = or_(named, Category.id == int(reference))
    path = select(Category.code).where(named).limit(1).scalar_subquery()
    below = func.starts_with(Category.code, path + PATH_SEPARATOR)
    return Product.id.in_(select(ProductCategory.product_id).join(Category).where(or_(Category.code == path, below)))


def matching(words: str) -> ColumnElement[bool]:
    """Whether each of the words stands in a product's name, brand or sku."""
    searched = func.concat_ws(" ", Product.name, Product.brand, Product.sku)
    return and_(true(), *(searched.icontains(word, autoescape=True) for word in words.split()))
