"""The parts of a product in catalog's events, for those who keep copies of products.

for part, version, values in parts_of(payload):
    ...     # "stock_version", 7, {"stock": 3}: to be applied unless the copy's own `stock_version` is higher
"""

from collections.abc import Iterator
from typing import Any

from services.contracts.envelope import Contract
from services.contracts.events.catalog import ProductSnapshot, SpecialPriceEnded, SpecialPriceSet, StockChanged

Part = tuple[str, int, dict[str, Any]]
"""The name of the part's version, the version, and the values by name."""
NO_OFFER: dict[str, Any] = dict.fromkeys(("special_price", "special_currency", "special_starts_at", "special_ends_at"))


def parts_of(payload: Contract) -> Iterator[Part]:
    """The parts that an event tells of; none if it is about something else."""
    match payload:
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


def _description(product: ProductSnapshot) -> dict[str, Any]:
    return {
        "sku": product.sku,
        "parent_id": product.parent_id,
        "name": product.name,
        "price": product.price,
        "currency": product.currency,
        "rating": product.rating,
        "image": product.image,
        "category_id": max(product.category_ids, default=None),
        "is_active": product.is_active,
    }
