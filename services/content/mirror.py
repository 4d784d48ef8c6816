"""How catalog events change the copies, in any order of arrival. Pure rules, no I/O.

A part that is older than the copy's own changes nothing, and a deletion is final.
"""

from collections.abc import Iterator
from typing import Any

from services.common.messaging.product_parts import NO_OFFER, Part, parts_of
from services.contracts.envelope import Contract
from services.contracts.events.catalog import CategoryDeleted, CategorySnapshot, ProductDeleted

Copy = dict[str, Any]
"""A row by column name."""

UNKNOWN_PRODUCT: Copy = {
    **dict.fromkeys(("sku", "parent_id", "name", "price", "currency", "rating", "image", "category_id", "is_active")),
    "stock": None,
    **NO_OFFER,
    **dict.fromkeys(("product_version", "stock_version", "offer_version"), 0),
    "is_deleted": False,
}
UNKNOWN_CATEGORY: Copy = {"code": None, "name": None, "version": 0, "is_deleted": False}


def apply(copy: Copy, payload: Contract) -> None:
    """Apply an event to the copy of a product or category."""
    if copy["is_deleted"]:
        return
    match payload:
        case ProductDeleted():
            copy.update(is_deleted=True, is_active=False, stock=0, parent_id=None, **NO_OFFER)
        case CategoryDeleted():
            copy.update(is_deleted=True, name=None)
    for part, version, values in _parts(payload):
        if version >= copy[part]:
            copy.update(values)
            copy[part] = version


def visible(copy: Copy) -> Copy:
    """The visible fields of a copy: whether it is in stock, and no versions."""
    shown = {name: value for name, value in copy.items() if not name.endswith("version")}
    return {**shown, "stock": None if copy.get("stock") is None else copy["stock"] > 0}


def _parts(payload: Contract) -> Iterator[Part]:
    if isinstance(payload, CategorySnapshot):
        yield "version", payload.category_version, {"code": payload.code, "name": payload.name}
    yield from parts_of(payload)
