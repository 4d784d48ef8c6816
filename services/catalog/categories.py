"""Operations on the category tree; a category's code is its path, which determines its place."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog import store
from services.catalog.domain import LineOutcome, Refused, leaf_name, level_of, parent_code
from services.catalog.models import Attribute, Category, ProductCategory
from services.catalog.moving import CodeTaken, move
from services.catalog.service import PRODUCER
from services.common.messaging.outbox import append, append_events
from services.common.runtime.errors import Conflict, NotFound
from services.common.storage.upsert import upsert_rows
from services.common.web.preconditions import Expected, tag
from services.common.web.references import CategoryReference
from services.contracts.envelope import Event
from services.contracts.events.catalog import CategoryDeleted, CategorySnapshot


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
    tree = await _Tree.around(session, lines)
    outcomes = []
    for code, name in lines:
        try:
            outcomes.append(tree.place(code, name))
        except Refused as refusal:
            outcomes.append(LineOutcome("refused", refusal=refusal))
    await upsert_rows(session, Category, [_row(category) for category, _ in tree.changed.values()])
    await append_events(
        session,
        (Event.of(event_type, category, producer=PRODUCER) for category, event_type in tree.changed.values()),
    )
    return outcomes


class _Tree:
    """The part of the tree that some lines affect; `changed` is to be written, with its event, by code."""

    def __init__(self, categories: Sequence[CategorySnapshot], ids: Iterator[int]) -> None:
        self._by_code = {category.code: category for category in categories}
        self._owners = {category.name: category.code for category in categories}
        self._ids = ids
        self.changed: dict[str, tuple[CategorySnapshot, str]] = {}

    @classmethod
    async def around(cls, session: AsyncSession, lines: Sequence[tuple[str, str | None]]) -> "_Tree":
        codes = {code for code, _ in lines}
        around = codes | {parent for code in codes if (parent := parent_code(code))}
        names = {name or leaf_name(code) for code, name in lines}
        involved = or_(Category.code == func.any(list(around)), Category.name == func.any(list(names)))
        rows = await session.scalars(select(Category).where(involved).order_by(Category.id).with_for_update())
        known = [
            CategorySnapshot(
                category_id=row.id,
                code=row.code,
                name=row.name,
                parent_id=row.parent_id,
                level=row.level,
                category_version=row.version,
            )
            for row in rows
        ]
        missing = len(codes - {category.code for category in known})
        return cls(known, iter(await store.new_ids(session, Category, missing)))

    def place(self, code: str, name: str | None) -> LineOutcome:
        old = self._by_code.get(code)
        name = name or (old.name if old else leaf_name(code))
        if self._owners.get(name, code) != code:
            raise Refused("name", f"is the name of {self._owners[name]}")
        if old and old.name == name:
            return LineOutcome("unchanged", old.category_id)
        new = _renamed(old, name) if old else self._create(code, name)
        if old:
            del self._owners[old.name]
        self._by_code[code], self._owners[name] = new, code
        is_new = old is None or self.changed.get(code, (None, ""))[1] == "CATEGORY_CREATED"
        self.changed[code] = (new, "CATEGORY_CREATED" if is_new else "CATEGORY_UPDATED")
        return LineOutcome("updated" if old else "created", new.category_id)

    def _create(self, code: str, name: str) -> CategorySnapshot:
        above = parent_code(code)
        if above is not None and above not in self._by_code:
            raise Refused("code", f"is below {above}, which does not exist")
        parent_id = self._by_code[above].category_id if above else None
        identifier = next(self._ids)
        return CategorySnapshot(
            category_id=identifier,
            code=code,
            name=name,
            parent_id=parent_id,
            level=level_of(code),
            category_version=1,
        )


def _renamed(category: CategorySnapshot, name: str) -> CategorySnapshot:
    return category.model_copy(update={"name": name, "category_version": category.category_version + 1})


def _row(category: CategorySnapshot) -> dict[str, Any]:
    fields = category.model_dump()
    return {"id": fields.pop("category_id"), "version": fields.pop("category_version"), **fields}


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
