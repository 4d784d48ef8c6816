"""Operations on the definitions of attributes, in the caller's transaction."""

import time
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Row, Text, cast, delete, not_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog.attributes import queries
from services.catalog.attributes.values import AttributeType
from services.catalog.domain import Refused
from services.catalog.models import Attribute, Category, Product
from services.catalog.queries import within_category
from services.common.runtime.errors import Conflict, NotFound
from services.common.web.preconditions import Expected, tag
from services.common.web.references import CategoryReference

EXAMPLES = 3


class AttributeNotFound(NotFound):
    """No attribute has this code."""

    title = "Attribute not found"


class AttributeTaken(Conflict):
    """Another attribute has this code."""

    title = "Attribute taken"


class AttributeInUse(Conflict):
    """Products have the attribute, or a value that would not be allowed any more."""

    title = "Attribute in use"


async def create(session: AsyncSession, definition: dict[str, Any]) -> None:
    """Define an attribute.

    Raises:
        AttributeTaken, Refused: the code is taken; the category does not exist.
    """
    values = await _with_category(session, definition)
    values["version"] = time.time_ns() // 1_000  # a tag of an attribute that was deleted is never that of a new one
    made = insert(Attribute).values(**values).on_conflict_do_nothing().returning(Attribute.code)
    if await session.scalar(made) is None:
        raise AttributeTaken(f"The attribute {values['code']} exists.")


async def change(session: AsyncSession, code: str, changes: dict[str, Any], expected: Expected | None) -> None:
    """Change a definition, as long as the products' values stay allowed.

    Raises:
        AttributeNotFound, PreconditionFailed, AttributeInUse: see the classes.
        Refused: only an attribute of choices has choices.
    """
    attribute = await _locked(session, code, expected)
    changes = await _with_category(session, changes)
    if "choices" in changes:
        if attribute.type != AttributeType.CHOICE:
            raise Refused("choices", "belong to attributes of type choice")
        if gone := sorted(set(attribute.choices) - set(changes["choices"])):
            await _refuse_if(
                session, Product.attributes[code].has_any(cast(gone, ARRAY(Text))), f"have one of {', '.join(gone)}"
            )
    if changes.get("category_id", attribute.category_id) != attribute.category_id:
        await _refuse_outside(session, code, changes["category_id"])
    for name, value in changes.items():
        setattr(attribute, name, value)
    if session.is_modified(attribute):
        attribute.version += 1
    await session.flush()


async def remove(session: AsyncSession, code: str, expected: Expected | None) -> None:
    """Delete a definition that no product uses.

    Raises:
        AttributeNotFound, PreconditionFailed, AttributeInUse: see the classes.
    """
    await _locked(session, code, expected)
    await _refuse_if(session, Product.attributes.has_key(code), f"have the attribute {code}")
    await session.execute(delete(Attribute).where(Attribute.code == code))


async def read(session: AsyncSession, code: str) -> Row[Any]:
    """One definition, with the code of its category.

    Raises:
        AttributeNotFound: there is none.
    """
    attribute: Row[Any] | None = (
        await session.execute(queries.attributes().where(Attribute.code == code))
    ).one_or_none()
    if attribute is None:
        raise AttributeNotFound(f"There is no attribute {code}.")
    return attribute


async def _locked(session: AsyncSession, code: str, expected: Expected | None) -> Attribute:
    attribute = await session.get(Attribute, code, with_for_update=True)
    if attribute is None:
        raise AttributeNotFound(f"There is no attribute {code}.")
    if expected is not None:
        expected.check(tag(attribute.version))
    return attribute


async def _with_category(session: AsyncSession, values: dict[str, Any]) -> dict[str, Any]:
    """The values with the id of a category that is named by its code; it is locked against deletion."""
    named = {"category_id", "category_code"} & values.keys()
    if not named:
        return values
    (field,) = named
    rest = {name: value for name, value in values.items() if name != field}
    if values[field] is None:
        return {**rest, "category_id": None}
    column = Category.id if field == "category_id" else Category.code
    kept = select(Category.id).where(column == values[field]).with_for_update(read=True, key_share=True)
    category_id = await session.scalar(kept)
    if category_id is None:
        raise Refused("categoryId" if field == "category_id" else "categoryCode", f"names no category: {values[field]}")
    return {**rest, "category_id": category_id}


async def _refuse_outside(session: AsyncSession, code: str, category_id: int | None) -> None:
    if category_id is not None:
        inside = within_category(CategoryReference(str(category_id)))
        await _refuse_if(session, Product.attributes.has_key(code) & not_(inside), "have it outside of the category")


async def _refuse_if(session: AsyncSession, products: ColumnElement[bool], what: str) -> None:
    skus = (await session.scalars(select(Product.sku).where(products).order_by(Product.id).limit(EXAMPLES))).all()
    if skus:
        raise AttributeInUse(f"Products {what}, such as {', '.join(skus)}: change them first.")
