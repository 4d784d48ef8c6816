"""Responses about what is planned for a page at a time."""

from datetime import datetime

from pydantic import AliasChoices, Field

from services.common.web.fields import Schema
from services.content.schemas import DisplaysOut
from services.content.schemas_campaigns import ShownBanner


class HiddenProduct(Schema):
    """A product that no shelf shows, and the row that hides it."""

    product_id: int
    sku: str | None
    display_id: int = Field(validation_alias=AliasChoices("displayId", "id"))


class ShownCampaign(Schema):
    """A campaign that is on at a time."""

    id: int
    name: str
    start_date: datetime
    end_date: datetime | None


class PlannedDisplays(DisplaysOut):
    """The shelves at a time, the rows that hide products, and the banners and campaigns that are on then."""

    hidden_by: list[HiddenProduct]
    banners: list[ShownBanner]
    campaigns: list[ShownCampaign]
