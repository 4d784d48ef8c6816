"""The check of products against the definitions of their attributes."""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog.attributes.values import AttributeType, Definition, check_attributes
from services.catalog.domain import Changes, ProductState
from services.catalog.models import Attribute, Category
from services.contracts.events.catalog import ProductSnapshot


class Rules:
    """The definitions of the attributes that some changes give; they stay as they are until the transaction ends."""

    def __init__(self, definitions: Mapping[str, Definition], category_codes: Mapping[int, str]) -> None:
        self._definitions = definitions
        self._codes = category_codes

    @classmethod
    async def of(
        cls, session: AsyncSession, all_changes: Sequence[Changes], states: Iterable[ProductState], named: Iterable[int]
    ) -> "Rules":
        """Read the definitions, and the codes of the categories that the products have or get."""
        codes = {code for changes in all_changes for code in changes.get("attributes", ())}
        if not codes:
            return cls({}, {})
        found = select(Attribute).where(Attribute.code.in_(codes)).order_by(Attribute.code)
        attributes = (await session.scalars(found.with_for_update(read=True))).all()
        used = {each for state in states for each in state.product.category_ids}.union(named)
        used |= {each.category_id for each in attributes if each.category_id is not None}
        rows = await session.execute(select(Category.id, Category.code).where(Category.id == func.any(list(used))))
        by_id = {row.id: row.code for row in rows}
        return cls({each.code: _definition(each, by_id) for each in attributes}, by_id)

    def check(self, changes: Changes, product: ProductSnapshot) -> None:
        """Compare the attributes, if they are given, with their definitions.

        Raises:
            Refused: see `check_attributes`.
        """
        if "attributes" in changes:
            codes = [self._codes[each] for each in product.category_ids if each in self._codes]
            check_attributes(changes["attributes"], self._definitions, codes)


def _definition(attribute: Attribute, category_codes: Mapping[int, str]) -> Definition:
    category = None if attribute.category_id is None else category_codes[attribute.category_id]
    return Definition(
        attribute.code,
        AttributeType(attribute.type),
        frozenset(attribute.choices),
        attribute.is_multiple,
        category,
    )
