"""Reports on what all shoppers did."""

from datetime import date
from enum import IntEnum
from typing import Annotated

from pydantic import BeforeValidator, Field

from services.common.web.fields import Schema


class Window(IntEnum):
    """The number of days until now that a report is about."""

    DAY = 1
    WEEK = 7
    MONTH = 30
    QUARTER = 90


def _written(value: object) -> object:
    if isinstance(value, str) and len(value) != len("2026-11-28"):
        raise ValueError("must be a day, such as 2026-11-28")
    return value


Day = Annotated[date, Field(ge=date(2000, 1, 1), lt=date(2100, 1, 1)), BeforeValidator(_written)]
"""A day of the shop."""


class PopularProduct(Schema):
    """A product with its counts of people in the window; bots and simulated users do not count."""

    product_id: int
    sku: str | None
    users: int
    views: int
    cart_adds: int


class PopularProducts(Schema):
    """The most popular first: by people who viewed it or put it in the cart, then by views."""

    days: Window
    items: list[PopularProduct]


class TrendingProduct(Schema):
    """A product with the people who viewed it or put it in the cart, in the window and in the one before."""

    product_id: int
    sku: str | None
    users: int
    users_before: int


class TrendingProducts(Schema):
    """What rises against the window before, the surest rise first: (users - before) / √(users + before)."""

    days: Window
    items: list[TrendingProduct]


class FunnelDay(Schema):
    """The people who viewed a product on a day, those of them who put one in the cart, and those of them who bought.

    A visitor who logs in is that user. `orders` are all of the day, whoever placed them.
    """

    date: date
    viewers: int
    cart_users: int
    buyers: int
    orders: int


class Funnel(Schema):
    """The funnel of each day, the first day first."""

    items: list[FunnelDay]


class SearchTerm(Schema):
    """What people searched for, alike but for width, case and spaces; only what more than one person did.

    `withoutResult` are the searches of which the storefront said that they found nothing.
    """

    term: str
    searches: int
    users: int
    without_result: int


class SearchTerms(Schema):
    """The most frequent first: by searches, or by those that found nothing."""

    days: Window
    items: list[SearchTerm]


class ProductCounts(Schema):
    """What people did with a product."""

    views: int
    viewers: int
    cart_adds: int
    cart_users: int
    reviews: int


class ProductDay(ProductCounts):
    """What they did on a day."""

    date: date


class ProductStatistics(ProductCounts):
    """What they did in the window, and on each of its days on which they did anything."""

    product_id: int
    sku: str
    days: Window
    items: list[ProductDay]
