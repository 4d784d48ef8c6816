"""Requests and responses of the content service's API."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from services.common.paging import Page
from services.common.schemas import Boolean, Currency, Id, Money, Schema, ShortText, Timestamp, UserId, left_out
from services.contracts.envelope import DisplayType, Rating, Text

Mode = Literal["pin", "hide", "price"]
GenerationName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", examples=["20261125T031500-ease"])]
Rank = Annotated[int, Field(strict=True, ge=1, le=10_000)]
Priority = Annotated[int, Field(strict=True, ge=-1_000, le=1_000)]
Rows = Annotated[int, Field(strict=True, ge=1, le=1_000_000_000)]


class NewGeneration(Schema):
    """A generation to come, and the bundle that makes it."""

    generation: GenerationName
    bundle: ShortText


class GenerationRow(Schema):
    """One line of an upload: what stands at `rank` of a shelf, for one user or (`userId` null) for everyone."""

    display_type: DisplayType
    user_id: UserId | None = None
    rank: Rank
    product_id: Id | None = None
    product_name: ShortText | None = None
    product_price: Money | None = None
    currency: Currency | None = None
    rating: Rating | None = None
    image: Text | None = None
    category_id: Id | None = None
    category_name: ShortText | None = None
    special_price: Money | None = None
    start_date: Timestamp | None = None
    end_date: Timestamp | None = None
    score: float | None = None
    reason: Text | None = None

    @model_validator(mode="after")
    def _shows_something(self) -> Self:
        if self.product_id is None and self.category_id is None:
            raise ValueError("a row shows a product or a category")
        return self


class Activate(Schema):
    """How many rows the generation must have: one that was cut off is not shown."""

    rows: Rows


class RollBack(Schema):
    """Which generation to leave; refused if another is active by now."""

    generation: GenerationName | None = None


class GenerationOut(Schema):
    """A generation; `rows` is null until it is loaded, `droppedAt` says when its rows were removed."""

    generation: str
    bundle: str
    rows: int | None
    is_active: bool
    created_at: datetime
    loaded_at: datetime | None
    activated_at: datetime | None
    dropped_at: datetime | None


class GenerationPage(Page[GenerationOut]):
    """One page of generations, the newest first."""


class DisplayChange(Schema):
    """What to change of a manual row; what is left out stays as it is."""

    display_type: DisplayType = left_out()
    mode: Mode = left_out()
    product_id: Id = left_out()
    user_id: UserId | None = left_out()
    priority: Priority = left_out()
    special_price: Money | None = left_out()
    start_date: Timestamp = left_out()
    end_date: Timestamp | None = left_out()
    is_active: Boolean = left_out()
    reason: Text | None = left_out()

    def changes(self) -> dict[str, Any]:
        """What was sent, by column name."""
        values = self.model_dump(mode="python", exclude_unset=True)
        return {name: value.value if isinstance(value, DisplayType) else value for name, value in values.items()}


class NewDisplay(DisplayChange):
    """A merchandiser's word on a product.

    `pin` puts it first on its shelf, in stock or not; `hide` takes it off every shelf; `price` gives it a special price
    wherever it stands. It holds for one user or (`userId` null) for everyone, from `startDate` until before `endDate`.
    Among several the higher `priority` wins.
    """

    display_type: DisplayType
    mode: Mode
    product_id: Id


class DisplayOut(Schema):
    """A manual row; name, price, rating, image and category are those of the catalog, null where it has told none."""

    id: int
    display_type: DisplayType
    mode: Mode
    product_id: int
    product_name: str | None
    product_price: Money | None
    currency: str | None
    rating: float | None
    image: str | None
    category_id: int | None
    category_name: str | None
    user_id: str | None
    generation: str | None
    source: Literal["manual"]
    priority: int
    special_price: Money | None
    start_date: datetime
    end_date: datetime | None
    is_active: bool
    reason: str | None
    created_at: datetime
    updated_at: datetime


class DisplayPage(Page[DisplayOut]):
    """One page of manual rows, by id."""


class ShelfItem(Schema):
    """One product in its place; `source` is `model` or `manual`."""

    product_id: int | None
    product_name: str | None
    product_price: Money | None
    special_price: Money | None
    currency: str | None
    rating: float | None
    image: str | None
    category_id: int | None
    category_name: str | None
    rank: int
    score: float | None
    reason: str | None
    source: Literal["model", "manual"]


class Shelf(Schema):
    """One ranked list."""

    display_type: DisplayType
    title: str
    items: list[ShelfItem]


class OfferOut(Schema):
    """A merchandiser's special price, true now, for the product on any shelf."""

    product_id: int
    special_price: Money
    currency: str | None
    start_date: datetime
    end_date: datetime | None


class DisplaysOut(Schema):
    """What one shopper is to see: the shelves that have products, in the order of the page.

    Whoever composes shelves of its own takes from here the pins (items whose `source` is `manual`), the products that
    are `hidden` everywhere, and the `specialPrices` that merchandisers set.
    """

    user_id: str | None
    generation: str | None
    shelves: list[Shelf]
    hidden: list[int]
    special_prices: list[OfferOut]
