"""Which product is a variant of which: one level, and a parent is not sold. Runs in the caller's transaction."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog.domain import Changes, ProductState, Refused, check_parent
from services.catalog.models import Product
from services.common.runtime.errors import Conflict

_FIELDS = {"parent_id": "parentId", "parent_sku": "parentSku"}


def named_as_parents(all_changes: Iterable[Changes]) -> ColumnElement[bool]:
    """Matches the products that changes name as parents; they are to be locked with those that change."""
    ids, skus = set[int](), set[str]()
    for changes in all_changes:
        ids.update({changes["parent_id"]} - {None} if "parent_id" in changes else ())
        skus.update({changes["parent_sku"]} - {None} if "parent_sku" in changes else ())
    return or_(Product.id == func.any(list(ids)), Product.sku == func.any(list(skus)))


class Families:
    """The products that some changes concern, by sku, as they are after the changes until now."""

    def __init__(self, states: Mapping[str, ProductState], with_variants: Iterable[int]) -> None:
        self._states = states
        self._skus = {state.id: sku for sku, state in states.items()}
        self._with_variants = set(with_variants)

    @classmethod
    async def of(
        cls, session: AsyncSession, states: Mapping[str, ProductState], all_changes: Sequence[Changes]
    ) -> "Families":
        """Read which of the products have variants, if a change names a parent."""
        if not any(changes.get(field) for changes in all_changes for field in _FIELDS):
            return cls(states, ())
        return cls(states, await parents_among(session, [state.id for state in states.values()]))

    def with_parent_id(self, sku: str, changes: dict[str, Any]) -> dict[str, Any]:
        """The changes of the product with this sku, with the id of its parent.

        Raises:
            Refused: there is no such parent, or it cannot be one.
        """
        for field, wire in _FIELDS.items():
            if field in changes:
                rest = {name: value for name, value in changes.items() if name != field}
                return {**rest, "parent_id": self._parent(sku, wire, changes[field])}
        return changes

    def _parent(self, sku: str, wire: str, name: Any) -> int | None:  # noqa: ANN401 - an id or a sku
        if name is None:
            return None
        parent = self._states.get(self._skus.get(name, "") if wire == "parentId" else name)
        if parent is None:
            raise Refused(wire, f"names no product: {name}")
        child = self._states.get(sku)
        has_variants = child is not None and child.id in self._with_variants
        check_parent(wire, parent.product, child.product if child else None, has_variants=has_variants)
        self._with_variants.add(parent.id)
        return parent.id


class SoldByVariants(Conflict):
    """A parent has no stock of its own."""

    title = "Sold by its variants"


async def parents_among(session: AsyncSession, ids: Iterable[int]) -> set[int]:
    """Those of the products that have variants."""
    parents = select(Product.parent_id).where(Product.parent_id == func.any(list(ids))).distinct()
    return {each for each in await session.scalars(parents) if each is not None}


async def check_has_stock(session: AsyncSession, product_id: int) -> None:
    """Refuse to count the pieces of a parent.

    Raises:
        SoldByVariants: it has variants.
    """
    if await parents_among(session, [product_id]):
        raise SoldByVariants(f"The product {product_id} is sold by its variants: set the stock of one of them.")
