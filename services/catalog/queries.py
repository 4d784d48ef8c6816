"""What is asked of the catalog: products with their categories and offer, and the category tree, by filters."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Row, Select, and_, func, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog.domain import PATH_SEPARATOR
from services.catalog.models import Category, Product, ProductCategory, SpecialPrice

ID_DIGITS = 18
_CATEGORY_IDS = func.array(
    select(ProductCategory.category_id)
    .where(ProductCategory.product_id == Product.id)
    .order_by(ProductCategory.category_id)
    .scalar_subquery(),
    type_=ARRAY(BigInteger),
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


async def one_product(session: AsyncSession, product_id: int) -> Row[Any] | None:
    """The product of this id, if there is one."""
    row: Row[Any] | None = (await session.execute(products(Product.id == product_id))).one_or_none()
    return row


async def list_products(  # noqa: PLR0913 - a filter each
    session: AsyncSession,
    limit: int,
    *,
    after: int | None,
    ids: list[int] | None,
    skus: list[str] | None,
    category: str | None,
    is_active: bool | None,
    words: str | None,
) -> Sequence[Row[Any]]:
    """The first products by id, after one, of those that every given filter lets pass."""
    conditions = [
        *([Product.id > after] if after else []),
        *([Product.id == func.any(ids)] if ids else []),
        *([Product.sku == func.any(skus)] if skus else []),
        *([_within_category(category)] if category else []),
        *([Product.is_active == is_active] if is_active is not None else []),
        *([_matching(words)] if words else []),
    ]
    rows: Sequence[Row[Any]] = (await session.execute(products(*conditions).limit(limit))).all()
    return rows


async def list_categories(
    session: AsyncSession, limit: int, *, after: str | None, code: str | None, parent_id: int | None, level: int | None
) -> Sequence[Category]:
    """The first categories by code, after one, of those that every given filter lets pass."""
    conditions = [
        *([Category.code > after] if after else []),
        *([Category.code == code] if code else []),
        *([Category.parent_id == parent_id] if parent_id else []),
        *([Category.level == level] if level else []),
    ]
    return (await session.scalars(select(Category).where(*conditions).order_by(Category.code).limit(limit))).all()


def _within_category(reference: str) -> ColumnElement[bool]:
    """Whether a product stands in the category of this id or code, or below it."""
    named = Category.code == reference
    if reference.isdecimal() and len(reference) <= ID_DIGITS:
        named = or_(named, Category.id == int(reference))
    code_first = (Category.code == reference).desc()
    path = select(Category.code).where(named).order_by(code_first).limit(1).scalar_subquery()
    below = func.starts_with(Category.code, path + PATH_SEPARATOR)
    return Product.id.in_(select(ProductCategory.product_id).join(Category).where(or_(Category.code == path, below)))


def _matching(words: str) -> ColumnElement[bool]:
    """Whether each of the words stands in a product's name, brand or sku."""
    searched = func.concat_ws(" ", Product.name, Product.brand, Product.sku)
    return and_(true(), *(searched.icontains(word, autoescape=True) for word in words.split()))
