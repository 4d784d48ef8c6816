"""The event fields that serving needs; msgspec skips all others."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Final, Generic, TypeVar

import msgspec

from ml.shelves.session import Kind
from services.contracts.envelope import MAX_ID

T = TypeVar("T")
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
Id = Annotated[int, msgspec.Meta(ge=1, le=MAX_ID)]
"""What no response can hold must not come into the catalogue."""


class FollowedEvent(msgspec.Struct, Generic[T], rename="camel"):
    """The fields of every event."""

    event_type: str
    timestamp: Instant
    data: T


class Line(msgspec.Struct, rename="camel"):
    """A product in an order or a return."""

    product_id: int
    quantity: int = 1


class Behaviour(msgspec.Struct, rename="camel"):
    """Payloads of `user-actions.v1`, `order.v1`, `auth.v1` and `profile.v1`."""

    user_id: str
    product_id: int | None = None
    quantity: int | None = None
    order_id: int | None = None
    return_id: int | None = None
    items: tuple[Line, ...] = ()
    visitor_id: str | None = None
    personalisation_consent: bool = True
    opted_out_shelves: tuple[str, ...] = ()
    profile_version: int = 0

    def quantities(self) -> dict[int, int]:
        """The quantity of each product in `items`; a product may be on several lines."""
        totals: dict[int, int] = {}
        for line in self.items:
            totals[line.product_id] = totals.get(line.product_id, 0) + line.quantity
        return totals


class ProductChange(msgspec.Struct, rename="camel", gc=False):
    """Payload of `catalog.v1`; category events have no product. Events from before versions existed have version 0."""

    product_id: Id | None = None
    sku: str | None = None
    parent_id: Id | None = None
    code: str | None = None
    name: str = ""
    price: Decimal | None = None
    currency: str = "JPY"
    rating: float = 0
    image: str | None = None
    stock: int = 0
    is_active: bool = True
    category_ids: tuple[Id, ...] = ()
    special_price: Decimal | None = None
    start_date: Instant | None = None
    end_date: Instant | None = None
    product_version: int = 0
    stock_version: int = 0
    offer_version: int = 0
    category_id: Id | None = None
    level: int = 1
    category_version: int = 0
    offer: "ProductChange | None" = None
    """The product's offer in a line of catalog's snapshot."""

    def __post_init__(self) -> None:
        """Refuse an invalid price: it would fail later, in a response."""
        prices = (price for price in (self.price, self.special_price) if price is not None)
        if not all(price.is_finite() and price >= 0 for price in prices):
            raise ValueError("a price is an amount of money")


BEHAVIOUR: Final = msgspec.json.Decoder(FollowedEvent[Behaviour])
CATALOGUE: Final = msgspec.json.Decoder(FollowedEvent[ProductChange])

KIND_OF: Final[dict[str, Kind]] = {
    "PRODUCT_VIEWED": "VIEW",
    "CART_ADD": "CART",
    "CART_READD": "CART",
    "CART_UPDATE": "CART",
    "CART_REMOVE": "UNCART",
}
