"""Queries: products with their categories and offer, and the category tree, by filters."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, BigInteger, ColumnElement, RowMapping, Select, Text, and_, func, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog.domain import PATH_SEPARATOR
from services.catalog.models import Category, Product, ProductCategory, SpecialPrice
from services.common.web.references import CategoryReference, ProductReference

_LINKS = select(ProductCategory).where(ProductCategory.product_id == Product.id).order_by(ProductCategory.category_id)
_CATEGORY_IDS = func.array(
    _LINKS.with_only_columns(ProductCategory.category_id).scalar_subquery(), type_=ARRAY(BigInteger)
)
_CATEGORY_CODES = func.array(
    _LINKS.join(Category).with_only_columns(Category.code, maintain_column_froms=True).scalar_subquery(),
    type_=ARRAY(Text),
)


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
    """The same with the codes of their categories, in the order of the ids."""
    return products(*conditions).add_columns(_CATEGORY_CODES.label("category_codes"))


async def one_product(session: AsyncSession, product_id: int, *, is_public: bool) -> RowMapping | None:
    """The product with this id, if it exists and, with `is_public`, the public may see it."""
    conditions = [Product.id == product_id, *([Product.is_active.is_(True)] if is_public else [])]
    row: RowMapping | None = (await session.execute(shown(*conditions))).mappings().one_or_none()
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
    words: str | None,
    is_public: bool,
) -> Sequence[RowMapping]:
    """The next page of products by id that pass every filter, and that the public may see."""
    conditions = [
        *([Product.id > after] if after else []),
        *([or_(Product.id == func.any(_ours(ids)), Product.sku == func.any(_own(ids)))] if ids else []),
        *([Product.sku == func.any(skus)] if skus else []),
        *([_within_category(category)] if category else []),
        *([Product.is_active == is_active] if is_active is not None else []),
        *([_matching(words)] if words else []),
        *([Product.is_active.is_(True)] if is_public else []),
    ]
    rows: Sequence[RowMapping] = (await session.execute(shown(*conditions).limit(limit))).mappings().all()
    return rows


async def list_categories(
    session: AsyncSession,
    limit: int,
    *,
    after: str | None,
    code: str | None,
    parent: CategoryReference | None,
    level: int | None,
) -> Sequence[Category]:
    """The next page of categories by code that pass every filter."""
    conditions = [
        *([Category.code > after] if after else []),
        *([Category.code == code] if code else []),
        *([Category.parent_id == select(Category.id).where(named(parent)).scalar_subquery()] if parent else []),
        *([Category.level == level] if level else []),
    ]
    return (await session.scalars(select(Category).where(*conditions).order_by(Category.code).limit(limit))).all()


def named(category: CategoryReference) -> ColumnElement[bool]:
    """Matches a referenced category."""
    return Category.code == category.external_id if category.id is None else Category.id == category.id


def _ours(references: Sequence[ProductReference]) -> list[int]:
    return [each.id for each in references if each.id is not None]


def _own(references: Sequence[ProductReference]) -> list[str]:
    return [each.external_id for each in references if each.external_id is not None]


def _within_category(category: CategoryReference) -> ColumnElement[bool]:
    """Matches products in a category or below it."""
    path = select(Category.code).where(named(category)).scalar_subquery()
    below = func.starts_with(Category.code, path + PATH_SEPARATOR)
    return Product.id.in_(select(ProductCategory.product_id).join(Category).where(or_(Category.code == path, below)))


def _matching(words: str) -> ColumnElement[bool]:
    """Matches products with each word in name, brand or sku."""
    searched = func.concat_ws(" ", Product.name, Product.brand, Product.sku)
    return and_(true(), *(searched.icontains(word, autoescape=True) for word in words.split()))
