"""Requests and responses about campaigns and banners."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from services.common.web.fields import Boolean, FreeText, Id, Schema, ShopAddress, ShortText, Timestamp, left_out
from services.common.web.paging import Page
from services.content.schemas import Priority
from services.contracts.card_numbers import no_card_number

Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$", examples=["ja", "en", "zh-Hant"])]
Placement = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,49}$", examples=["TOP"]), AfterValidator(no_card_number)]
MOST_LANGUAGES = 20


class Changes(Schema):
    """A request whose omitted fields stay as they are."""

    def changes(self) -> dict[str, Any]:
        """The given fields by column name."""
        return self.model_dump(mode="python", exclude_unset=True)


class Scheduled(Changes):
    """When something shows: from `startDate` (by default now) until before `endDate`, while it is active."""

    start_date: Timestamp = left_out()
    end_date: Timestamp | None = left_out()
    is_active: Boolean = left_out()


class CampaignChange(Scheduled):
    """Changes of a campaign; omitted fields stay unchanged."""

    name: ShortText = left_out()


class NewCampaign(CampaignChange):
    """A campaign: its banners and displays show within its dates as well as their own, and while it is active."""

    name: ShortText


class BannerText(Schema):
    """What a banner says in one language, as plain text: a page escapes it. `alt` describes the picture."""

    title: ShortText
    body: FreeText | None = None
    alt: ShortText | None = None
    link_text: ShortText | None = None


class BannerChange(Scheduled):
    """Changes of a banner; omitted fields stay unchanged."""

    campaign_id: Id | None = left_out()
    placement: Placement = left_out()
    texts: Annotated[dict[Language, BannerText], Field(min_length=1, max_length=MOST_LANGUAGES)] = left_out()
    image: ShopAddress | None = left_out()
    link: ShopAddress | None = left_out()
    priority: Priority = left_out()

    def changes(self) -> dict[str, Any]:
        """The given fields by column name; the texts as they are stored."""
        given = super().changes()
        if "texts" in given:
            given["texts"] = {
                each: said.model_dump(by_alias=True, exclude_none=True) for each, said in self.texts.items()
            }
        return given


class NewBanner(BannerChange):
    """A banner at a place of the shop's pages (`TOP`, or any other that they know), in one language at least.

    `image` and `link` are paths of the shop or https addresses. Of several at one place the higher `priority` is first.
    """

    placement: Placement
    texts: Annotated[dict[Language, BannerText], Field(min_length=1, max_length=MOST_LANGUAGES)]


class CampaignOut(Schema):
    """A campaign; its ETag is its `version` in quotes."""

    id: int
    name: str
    start_date: datetime
    end_date: datetime | None
    is_active: bool
    version: int
    created_at: datetime
    updated_at: datetime


class CampaignPage(Page[CampaignOut]):
    """One page of campaigns, the newest first."""


class ShownBanner(Schema):
    """A banner that shows now."""

    id: int
    campaign_id: int | None
    placement: str
    texts: dict[str, BannerText]
    image: str | None
    link: str | None
    priority: int


class ShownBanners(Schema):
    """The banners that show now, by place, the first ones first."""

    items: list[ShownBanner]


class BannerOut(ShownBanner):
    """A banner, whether it shows or not; its ETag is its `version` in quotes."""

    start_date: datetime
    end_date: datetime | None
    is_active: bool
    version: int
    created_at: datetime
    updated_at: datetime


class BannerPage(Page[BannerOut]):
    """One page of banners, the newest first."""
