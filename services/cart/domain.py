"""What a cart comes to: prices, changes and obstacles. Pure rules, no I/O."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Self

from services.contracts.money import shown
from services.contracts.prices import Offer, Price, line_amount, price_at


class Obstacle(StrEnum):
    """Why an item cannot be bought as it is."""

    GONE = "GONE"
    """The product is not sold any more."""
    OUT_OF_STOCK = "OUT_OF_STOCK"
    TOO_FEW = "TOO_FEW"
    """Fewer are in stock than are wanted."""
    OTHER_CURRENCY = "OTHER_CURRENCY"
    """The product's price has another currency than the rest of the cart."""


MOST_TOLD = 10


def told_stock(stock: int) -> int | None:
    """A stock as shoppers are told it: of more than a few pieces they are not to learn how many are sold."""
    return stock if stock <= MOST_TOLD else None


@dataclass(frozen=True)
class Line:
    """A cart item with what is true of its product now; `product` has the columns of a `CartItem`."""

    item: Mapping[str, Any]
    product: Mapping[str, Any]
    price: Decimal
    amount: Decimal
    obstacle: Obstacle | None

    @property
    def has_new_price(self) -> bool:
        """Whether the price is another one than when the item was added."""
        return bool(self.price != self.item["added_price"])


@dataclass(frozen=True)
class Cart:
    """A whole cart; `total` is of what can be bought, and `currency` is None where the cart is empty."""

    lines: tuple[Line, ...]
    currency: str | None
    total: Decimal

    @classmethod
    def of(cls, items: Iterable[Mapping[str, Any]], live: Mapping[int, Mapping[str, Any]], now: datetime) -> Self:
        """Value a cart.

        Args:
            items: the rows of its items, in their order.
            live: what catalog says now, by product id; without it, the copy in the item counts.
            now: when.
        """
        pairs = [(item, live.get(item["product_id"], item)) for item in items]
        currency = pairs[0][1]["currency"] if pairs else None
        lines = tuple(_line(item, product, currency, now) for item, product in pairs)
        total = sum((line.amount for line in lines if line.obstacle is None), Decimal(0))
        return cls(lines, currency, shown(total, currency))

    @property
    def can_be_bought(self) -> bool:
        """Whether nothing stands in the way of an order."""
        return bool(self.lines) and all(line.obstacle is None for line in self.lines)


def price_now(product: Mapping[str, Any], now: datetime) -> Decimal:
    """What one piece costs now."""
    offer = None
    if product["special_price"] is not None:
        dates = product["special_starts_at"], product["special_ends_at"]
        offer = Offer(product["special_price"], product["special_currency"], *dates)
    return price_at(now, Price(product["product_price"], product["currency"]), offer)


def _line(item: Mapping[str, Any], product: Mapping[str, Any], currency: str | None, now: datetime) -> Line:
    price = price_now(product, now)
    amount = line_amount(price, item["quantity"], product["currency"])
    return Line(item, product, price, amount, _obstacle(item, product, currency))


def _obstacle(item: Mapping[str, Any], product: Mapping[str, Any], currency: str | None) -> Obstacle | None:
    if product.get("is_deleted") or not product["is_active"]:
        return Obstacle.GONE
    if product["stock"] == 0:
        return Obstacle.OUT_OF_STOCK
    if product["stock"] < item["quantity"]:
        return Obstacle.TOO_FEW
    return Obstacle.OTHER_CURRENCY if product["currency"] != currency else None
