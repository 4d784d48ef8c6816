"""How catalog events change the copies, in any order of arrival. Pure rules, no I/O.

A part that is older than the copy's own changes nothing, and a deletion is final.
"""

from collections.abc import Iterator
from typing import Any

from services.contracts.envelope import Contract
from services.contracts.events.catalog import (
    CategoryDeleted,
    CategorySnapshot,
    ProductDeleted,
    ProductSnapshot,
    SpecialPriceEnded,
    SpecialPriceSet,
    StockChanged,
)

Copy = dict[str, Any]
"""A row by column name."""

NO_OFFER: Copy = dict.fromkeys(("special_price", "special_currency", "special_starts_at", "special_ends_at"))
UNKNOWN_PRODUCT: Copy = {
    **dict.fromkeys(("sku", "name", "price", "currency", "rating", "image", "category_id", "is_active", "stock")),
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
            copy.update(is_deleted=True, is_active=False, stock=0, **NO_OFFER)
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


def _parts(payload: Contract) -> Iterator[tuple[str, int, Copy]]:
    """The parts in an event: the column of the part's version, the version, and values by column."""
    match payload:
        case CategorySnapshot():
            yield "version", payload.category_version, {"code": payload.code, "name": payload.name}
        case ProductSnapshot():
            yield "product_version", payload.product_version, _description(payload)
            yield "stock_version", payload.stock_version, {"stock": payload.stock}
        case StockChanged():
            yield "stock_version", payload.stock_version, {"stock": payload.stock}
        case SpecialPriceSet():
            dates = {"special_starts_at": payload.start_date, "special_ends_at": payload.end_date}
            price = {"special_price": payload.special_price, "special_currency": payload.currency}
            yield "offer_version", payload.offer_version, {**price, **dates}
        case SpecialPriceEnded():
            yield "offer_version", payload.offer_version, NO_OFFER


def _description(product: ProductSnapshot) -> Copy:
    return {
        "sku": product.sku,
        "name": product.name,
        "price": product.price,
        "currency": product.currency,
        "rating": product.rating,
        "image": product.image,
        "category_id": max(product.category_ids, default=None),
        "is_active": product.is_active,
    }
