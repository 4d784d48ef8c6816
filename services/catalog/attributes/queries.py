"""Queries: attributes with the code of their category."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from services.catalog.domain import PATH_SEPARATOR
from services.catalog.models import Attribute, Category
from services.catalog.queries import named
from services.common.web.references import CategoryReference


def attributes() -> Select[Any]:
    """Attributes with the code of their category, by code."""
    code = Category.code.label("category_code")
    return select(*Attribute.__table__.columns, code).outerjoin(Category).order_by(Attribute.code)


async def list_attributes(
    session: AsyncSession, limit: int, *, after: str | None, category: CategoryReference | None
) -> Sequence[Row[Any]]:
    """The next page of attributes by code, of those that products of the category may have."""
    conditions = [
        *([Attribute.code > after] if after else []),
        *([or_(Attribute.category_id.is_(None), _is_around(category))] if category else []),
    ]
    rows: Sequence[Row[Any]] = (await session.execute(attributes().where(*conditions).limit(limit))).all()
    return rows


def _is_around(category: CategoryReference) -> ColumnElement[bool]:
    """Matches a category and those above it."""
    inside = aliased(Category)
    path = select(inside.code).where(named(category, inside)).scalar_subquery()
    return or_(Category.code == path, func.starts_with(path, Category.code + PATH_SEPARATOR))
