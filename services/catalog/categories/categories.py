"""Operations on the category tree; a category's code is its path, which determines its place."""

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog import store
from services.catalog.categories.moving import CodeTaken, move
from services.catalog.categories.tree import Tree, row_of
from services.catalog.domain import LineOutcome, Refused
from services.catalog.models import Attribute, Category, ProductCategory
from services.catalog.queries import named
from services.catalog.service import PRODUCER
from services.common.messaging.outbox import append, append_all
from services.common.runtime.errors import Conflict, NotFound
from services.common.storage.upsert import upsert_rows
from services.common.web.preconditions import Expected, tag
from services.common.web.references import CategoryReference
from services.contracts.events.catalog import CategoryDeleted


class CategoryNotFound(NotFound):
    """No category has this id."""

    title = "Category not found"


class CategoryInUse(Conflict):
    """The category has children, products or attributes."""

    title = "Category in use"


async def upsert(session: AsyncSession, lines: Sequence[tuple[str, str | None]]) -> list[LineOutcome]:
    """Create or rename categories by code, in order: a parent comes before its children.

    Args:
        session: the caller's transaction.
        lines: code and name; without a name, an existing one stays, and a new category gets its path's last part.
    """
    await store.lock_creation(session)
    tree = await Tree.around(session, lines)
    outcomes = []
    for code, name in lines:
        try:
            outcomes.append(tree.place(code, name))
        except Refused as refusal:
            outcomes.append(LineOutcome("refused", refusal=refusal))
    await upsert_rows(session, Category, [row_of(category) for category, _ in tree.changed.values()])
    await append_all(session, PRODUCER, [(event_type, category) for category, event_type in tree.changed.values()])
    return outcomes


async def create(session: AsyncSession, code: str, name: str | None) -> int:
    """Create one category; returns its id.

    Raises:
        CodeTaken, Refused: see the classes.
    """
    await store.lock_creation(session)
    if await session.scalar(select(Category.id).where(Category.code == code)) is not None:
        raise CodeTaken(f"The category {code} exists.")
    (outcome,) = await upsert(session, [(code, name)])
    return outcome.id_or_raise()


async def change(
    session: AsyncSession, category_id: int, code: str | None, name: str | None, expected: Expected | None
) -> None:
    """Move a category with all below it to the place that `code` says, and rename it; what is None stays.

    Raises:
        CategoryNotFound, PreconditionFailed, CodeTaken, Refused: see the classes.
    """
    await store.lock_creation(session)
    category = await find(session, category_id, lock=True)
    _check(category, expected)
    if code is not None and code != category.code:
        await move(session, category, code)
        session.expire(category)
    if name is not None:
        (outcome,) = await upsert(session, [(code or category.code, name)])
        outcome.id_or_raise()


def _check(category: Category, expected: Expected | None) -> None:
    if expected is not None:
        expected.check(tag(category.version))


async def remove(session: AsyncSession, category_id: int, expected: Expected | None) -> None:
    """Delete a category that has neither children nor products nor attributes of its own.

    Raises:
        CategoryNotFound, PreconditionFailed, CategoryInUse: see the classes.
    """
    category = await find(session, category_id, lock=True)  # first: links made meanwhile are found below
    _check(category, expected)
    child = select(Category.id).where(Category.parent_id == category_id).exists()
    product = select(ProductCategory.product_id).where(ProductCategory.category_id == category_id).exists()
    attribute = select(Attribute.code).where(Attribute.category_id == category_id).exists()
    unused = delete(Category).where(Category.id == category_id, ~child, ~product, ~attribute)
    if await session.scalar(unused.returning(Category.id)) is None:
        raise CategoryInUse(f"The category {category.code} has children, products or attributes.")
    deleted = CategoryDeleted(category_id=category_id, code=category.code)
    await append(session, PRODUCER, "CATEGORY_DELETED", deleted)


async def identify(session: AsyncSession, reference: CategoryReference) -> int:
    """Resolve a category reference to an id; one of our ids is not checked.

    Raises:
        CategoryNotFound: no category has the code.
    """
    if reference.id is not None:
        return reference.id
    category_id: int | None = await session.scalar(select(Category.id).where(Category.code == reference.external_id))
    if category_id is None:
        raise CategoryNotFound(f"There is no category {reference}.")
    return category_id


async def find(session: AsyncSession, category_id: int, *, lock: bool = False) -> Category:
    """One category, optionally locked until the caller's transaction ends.

    Raises:
        CategoryNotFound: there is none.
    """
    category = await session.get(Category, category_id, populate_existing=True, with_for_update=lock)
    if category is None:
        raise CategoryNotFound(f"There is no category {category_id}.")
    return category


async def listed(
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
