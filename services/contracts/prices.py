"""The price that is true now: one rule for the catalogue, the shelves, the cart and the order. Prices include tax.

price_at(now, Price(Decimal(500), "JPY"), Offer(Decimal(400), "JPY", start))      # 400
line_amount(Decimal("12.30"), 3, "USD")                                           # 36.90
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from services.contracts.money import shown


@dataclass(frozen=True)
class Price:
    """A product's own price; its currency is None where it is not known."""

    amount: Decimal
    currency: str | None


@dataclass(frozen=True)
class Offer:
    """A product's special price, which holds from `starts_at` until before `ends_at`."""

    amount: Decimal
    currency: str | None
    starts_at: datetime
    ends_at: datetime | None = None

    def holds_at(self, moment: datetime) -> bool:
        """Whether `moment` is within its dates."""
        return self.starts_at <= moment and (self.ends_at is None or moment < self.ends_at)


def offer_at(moment: datetime, price: Price, offer: Offer | None) -> Decimal | None:
    """The special price that is true at `moment`: of the same currency and below the price, or None."""
    if offer is None or not offer.holds_at(moment) or offer.currency not in (None, price.currency):
        return None
    return offer.amount if offer.amount < price.amount else None


def price_at(moment: datetime, price: Price, offer: Offer | None) -> Decimal:
    """What one piece costs at `moment`."""
    special = offer_at(moment, price, offer)
    return price.amount if special is None else special


def line_amount(price: Decimal, quantity: int, currency: str) -> Decimal:
    """What `quantity` pieces cost, with the decimals of the currency."""
    return shown(price * quantity, currency)
