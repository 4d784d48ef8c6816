"""The few fields of events that serving needs; everything else is skipped unread."""

from datetime import datetime
from decimal import Decimal
from math import inf
from typing import Annotated, Any, Final, Generic, TypeVar

import msgspec
from msgspec.structs import replace

from ml.catalogue import Catalogue, Product
from ml.session import Kind

T = TypeVar("T")
Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class Envelope(msgspec.Struct, Generic[T], rename="camel"):
    """What every event has."""

    event_type: str
    timestamp: Instant
    data: T


class Line(msgspec.Struct, rename="camel"):
    """A product in an order or a return."""

    product_id: int
    quantity: int = 1


class Behaviour(msgspec.Struct, rename="camel"):
    """Of `user-actions.v1` and `order.v1`."""

    user_id: str
    product_id: int | None = None
    quantity: int | None = None
    order_id: int | None = None
    return_id: int | None = None
    items: tuple[Line, ...] = ()

    def quantities(self) -> dict[int, int]:
        """How many there are of each product in `items`; one may stand on several lines."""
        totals: dict[int, int] = {}
        for line in self.items:
            totals[line.product_id] = totals.get(line.product_id, 0) + line.quantity
        return totals


class ProductChange(msgspec.Struct, rename="camel"):
    """Of `catalog.v1`; events about categories have no product."""

    product_id: int | None = None
    name: str = ""
    price: Decimal | None = None
    currency: str = "JPY"
    rating: float = 0
    image: str | None = None
    stock: int = 0
    is_active: bool = True
    category_ids: tuple[int, ...] = ()
    special_price: Decimal | None = None
    start_date: Instant | None = None
    end_date: Instant | None = None

    def __post_init__(self) -> None:
        """Refuse what no price can be: it would fail later, in the answer to a shopper."""
        prices = (price for price in (self.price, self.special_price) if price is not None)
        if not all(price.is_finite() and price >= 0 for price in prices):
            raise ValueError("a price is an amount of money")


BEHAVIOUR: Final = msgspec.json.Decoder(Envelope[Behaviour])
CATALOGUE: Final = msgspec.json.Decoder(Envelope[ProductChange])

KIND_OF: Final[dict[str, Kind]] = {
    "PRODUCT_VIEWED": "VIEW",
    "CART_ADD": "CART",
    "CART_READD": "CART",
    "CART_UPDATE": "CART",
    "CART_REMOVE": "UNCART",
}


def product_after(event_type: str, change: ProductChange, catalogue: Catalogue) -> Product | None:
    """The product as it is after an event, or None if the event says nothing of a product that can be shown."""
    if change.product_id is None:
        return None
    known = catalogue.get(change.product_id)
    if event_type in {"PRODUCT_CREATED", "PRODUCT_UPDATED"} and change.price is not None:
        return _described(change.product_id, change, known, catalogue)
    changes = _changes(event_type, change)
    return replace(known, **changes) if known is not None and changes else None


def _changes(event_type: str, change: ProductChange) -> dict[str, Any]:
    match event_type:
        case "PRODUCT_DELETED":
            return {"is_active": False}
        case "STOCK_CHANGED":
            return {"stock": change.stock}
        case "SPECIAL_PRICE_SET":
            return {
                "special_price": change.special_price,
                "special_starts_at": -inf if change.start_date is None else change.start_date.timestamp(),
                "special_ends_at": inf if change.end_date is None else change.end_date.timestamp(),
            }
        case "SPECIAL_PRICE_ENDED":
            return {"special_price": None}
    return {}


def _described(product_id: int, change: ProductChange, known: Product | None, catalogue: Catalogue) -> Product:
    fields: dict[str, Any] = {
        "name": change.name,
        "price": change.price,
        "currency": change.currency,
        "rating": change.rating,
        "image": change.image,
        "stock": change.stock,
        "is_active": change.is_active,
    }
    if known is not None:
        return replace(known, **fields)
    category_id = max(change.category_ids, default=None)
    category_name = catalogue.category_names.get(category_id)
    return Product(
        product_id=product_id,
        product_type=category_name,
        category_id=category_id,
        category_name=category_name,
        is_recommendable=True,
        **fields,
    )
