"""Responses about what products cost over time."""

from datetime import datetime

from services.common.web.fields import Schema, ShownMoney
from services.common.web.paging import Page


class PriceChangeOut(Schema):
    """What a product cost from `changedAt` until the next change; its offer held within its own dates."""

    id: int
    changed_at: datetime
    currency: str
    price: ShownMoney
    special_price: ShownMoney | None
    start_date: datetime | None
    end_date: datetime | None


class PriceChangePage(Page[PriceChangeOut]):
    """One page of a product's prices, the latest first."""
