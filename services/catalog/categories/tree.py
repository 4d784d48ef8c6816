"""The part of the category tree that some lines concern, as it is after them."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Row, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog import store
from services.catalog.domain import LineOutcome, Refused, leaf_name, level_of, parent_code
from services.catalog.models import Category
from services.contracts.events.catalog import CategorySnapshot


class Tree:
    """The part of the tree that some lines affect; `changed` is to be written, with its event, by code."""

    def __init__(self, categories: Sequence[CategorySnapshot], ids: Iterator[int]) -> None:
        self._by_code = {category.code: category for category in categories}
        self._owners = {category.name: category.code for category in categories}
        self._ids = ids
        self.changed: dict[str, tuple[CategorySnapshot, str]] = {}

    @classmethod
    async def around(cls, session: AsyncSession, lines: Sequence[tuple[str, str | None]]) -> "Tree":
        """Lock what the lines name: the categories, their parents, and those that have the names."""
        codes = {code for code, _ in lines}
        around = codes | {parent for code in codes if (parent := parent_code(code))}
        names = {name or leaf_name(code) for code, name in lines}
        involved = or_(Category.code == func.any(list(around)), Category.name == func.any(list(names)))
        rows = await session.scalars(select(Category).where(involved).order_by(Category.id).with_for_update())
        known = [snapshot_of(row) for row in rows]
        missing = len(codes - {category.code for category in known})
        return cls(known, iter(await store.new_ids(session, Category, missing)))

    def place(self, code: str, name: str | None) -> LineOutcome:
        """Create or rename a category.

        Raises:
            Refused: another category has the name, or the parent does not exist.
        """
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


def row_of(category: CategorySnapshot) -> dict[str, Any]:
    """A category by the columns of its table."""
    fields = category.model_dump()
    return {"id": fields.pop("category_id"), "version": fields.pop("category_version"), **fields}


def snapshot_of(row: Category | Row[Any]) -> CategorySnapshot:
    """A category as events carry it."""
    return CategorySnapshot(
        category_id=row.id,
        code=row.code,
        name=row.name,
        parent_id=row.parent_id,
        level=row.level,
        category_version=row.version,
    )
