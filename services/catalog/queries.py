"""Queries: products with their categories and offer, and the category tree, by filters."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Row,
    RowMapping,
    Select,
    Text,
    and_,
    bindparam,
    case,
    collate,
    func,
    or_,
    select,
    true,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from services.catalog.domain import PATH_SEPARATOR
from services.catalog.models import Attribute, Category, Product, ProductCategory, SpecialPrice
from services.catalog.price_history import lowest_before_offer
from services.common.web.references import CategoryReference, ProductReference

_LINKS = select(ProductCategory).where(ProductCategory.product_id == Product.id).order_by(ProductCategory.category_id)
_CATEGORY_IDS = func.array(
    _LINKS.with_only_columns(ProductCategory.category_id).scalar_subquery(), type_=ARRAY(BigInteger)
)
_CATEGORY_CODES = func.array(
    _LINKS.join(Category).with_only_columns(Category.code, maintain_column_froms=True).scalar_subquery(),
    type_=ARRAY(Text),
)


def price_now(product: type[Product], offer: type[SpecialPrice]) -> ColumnElement[Decimal]:
    """What one piece costs now, as `services.contracts.prices` says; the offer is joined to its product."""
    is_in_time = (offer.start_date <= func.now()) & (offer.end_date.is_(None) | (func.now() < offer.end_date))
    return case((is_in_time & (offer.price < product.price), offer.price), else_=product.price)


_VARIANT, _VARIANTS_OFFER = aliased(Product), aliased(SpecialPrice)
_PRICE = price_now(_VARIANT, _VARIANTS_OFFER)
_IS_COMPARED = _VARIANT.is_active & (_VARIANT.currency == Product.currency)
_VARIANTS = (
    select(
        (func.count() > 0).label("is_parent"),
        func.count().filter(_VARIANT.is_active).label("variant_count"),
        func.coalesce(func.sum(_VARIANT.stock).filter(_VARIANT.is_active), 0).label("variants_stock"),
        func.min(_PRICE).filter(_IS_COMPARED).label("price_from"),
        func.max(_PRICE).filter(_IS_COMPARED).label("price_to"),
    )
    .select_from(_VARIANT)
    .outerjoin(_VARIANTS_OFFER, _VARIANTS_OFFER.product_id == _VARIANT.id)
    .where(_VARIANT.parent_id == Product.id)
    .lateral("variants")
)
"""What a parent shows of its active variants."""
_LOWEST = case((SpecialPrice.price.is_not(None), lowest_before_offer()))


def products(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Products with their categories and their offer, by id."""
    offer = (SpecialPrice.price.label("special_price"), SpecialPrice.start_date, SpecialPrice.end_date)
    return (
        select(*Product.__table__.columns, _CATEGORY_IDS.label("category_ids"), *offer)
        .outerjoin(SpecialPrice, SpecialPrice.product_id == Product.id)
        .where(*conditions)
        .order_by(Product.id)
    )


def shown(*conditions: ColumnElement[bool]) -> Select[Any]:
    """The same with the codes of their categories, in the order of the ids, and what parents show of their variants."""
    columns = (_CATEGORY_CODES.label("category_codes"), _LOWEST.label("lowest_price_before"), *_VARIANTS.c)
    return products(*conditions).add_columns(*columns).join(_VARIANTS, true())


_ONE = shown(Product.id == bindparam("product_id"))
_ONE_PUBLIC = _ONE.where(Product.is_active.is_(True))
_BY_IDS = shown(Product.id == func.any(bindparam("ids", type_=ARRAY(BigInteger))), Product.is_active.is_(True))
_CATEGORY_NAMES = select(Category.id, Category.code, Category.name).where(
    Category.id == func.any(bindparam("ids", type_=ARRAY(BigInteger)))
)
_FACETS = select(Attribute).where(Attribute.is_facet).order_by(Attribute.code)
"""Made once: to make one, and the key by which SQLAlchemy knows it again, takes half a millisecond."""


async def one_product(session: AsyncSession, product_id: int, *, is_public: bool) -> RowMapping | None:
    """The product with this id, if it exists and, with `is_public`, the public may see it."""
    rows = await session.execute(_ONE_PUBLIC if is_public else _ONE, {"product_id": product_id})
    row: RowMapping | None = rows.mappings().one_or_none()
    return row


async def list_products(  # noqa: PLR0913 - a filter each
    session: AsyncSession,
    limit: int,
    *,
    after: int | None,
    ids: Sequence[ProductReference] | None,
    skus: Sequence[str] | None,
    category: CategoryReference | None,
    is_active: bool | None,
    is_public: bool,
) -> Sequence[RowMapping]:
    """The next page of products by id that pass every filter, and that the public may see."""
    conditions = [
        *([Product.id > after] if after else []),
        *([or_(Product.id == func.any(_ours(ids)), Product.sku == func.any(_own(ids)))] if ids else []),
        *([Product.sku == func.any(skus)] if skus else []),
        *([within_category(category)] if category else []),
        *([Product.is_active == is_active] if is_active is not None else []),
        *([Product.is_active.is_(True)] if is_public else []),
    ]
    rows: Sequence[RowMapping] = (await session.execute(shown(*conditions).limit(limit))).mappings().all()
    return rows


async def list_variants(
    session: AsyncSession, limit: int, *, after: int | None, product_id: int, is_public: bool
) -> Sequence[RowMapping]:
    """The next page of the variants of a product, or of its parent, by id; with `is_public` those that are active."""
    named = aliased(Product)
    parent = select(func.coalesce(named.parent_id, named.id)).where(named.id == product_id).scalar_subquery()
    conditions = [
        Product.parent_id == parent,
        *([Product.id > after] if after else []),
        *([Product.is_active.is_(True)] if is_public else []),
    ]
    rows: Sequence[RowMapping] = (await session.execute(shown(*conditions).limit(limit))).mappings().all()
    return rows


def named(category: CategoryReference, table: type[Category] = Category) -> ColumnElement[bool]:
    """Matches a referenced category."""
    return table.code == category.external_id if category.id is None else table.id == category.id


def _ours(references: Sequence[ProductReference]) -> list[int]:
    return [each.id for each in references if each.id is not None]


def _own(references: Sequence[ProductReference]) -> list[str]:
    return [each.external_id for each in references if each.external_id is not None]


def within_category(category: CategoryReference) -> ColumnElement[bool]:
    """Matches products in a category or below it."""
    path = select(Category.code).where(named(category)).scalar_subquery()
    code = collate(Category.code, "C")  # a range of an index, which takes no prefix that is looked up
    below = and_(code > path + PATH_SEPARATOR, code < path + PATH_SEPARATOR[:-1] + chr(ord(PATH_SEPARATOR[-1]) + 1))
    return Product.id.in_(select(ProductCategory.product_id).join(Category).where(or_(Category.code == path, below)))


async def products_by_id(session: AsyncSession, ids: Sequence[int]) -> dict[int, RowMapping]:
    """Active products by their ids."""
    rows = await session.execute(_BY_IDS, {"ids": list(ids)})
    return {row["id"]: row for row in rows.mappings()}


async def facet_names(
    session: AsyncSession, category_ids: Sequence[int]
) -> tuple[dict[int, Row[int, str, str]], dict[str, Attribute]]:
    """The id, code and name of categories by id, and the attributes that are facets by code."""
    categories = await session.execute(_CATEGORY_NAMES, {"ids": list(category_ids)})
    attributes = await session.scalars(_FACETS)
    return {each.id: each for each in categories}, {each.code: each for each in attributes}
