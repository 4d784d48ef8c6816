"""Responses about the page at another time."""

from datetime import datetime

from services.common.web.fields import Schema
from serving.schemas import Page


class HiddenProduct(Schema):
    """A product that no shelf shows, and the merchandiser's row that hides it."""

    product_id: int
    sku: str | None
    display_id: int


class Banner(Schema):
    """A banner of that time, with its texts by language."""

    id: int
    campaign_id: int | None
    placement: str
    texts: dict[str, dict[str, str | None]]
    image: str | None
    link: str | None
    priority: int


class Campaign(Schema):
    """A campaign of that time."""

    id: int
    name: str
    start_date: datetime
    end_date: datetime | None


class Preview(Page):
    """The page at a time; an item's `source`, `reason` and `displayId` say why it is there.

    `isKnown` is false of a shopper of whom nothing is known, whose page is that for everyone, and null for everyone.
    """

    at: datetime
    is_known: bool | None
    hidden: list[HiddenProduct]
    banners: list[Banner]
    campaigns: list[Campaign]
