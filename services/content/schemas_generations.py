"""Requests and responses about generations."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import Field, model_validator

from services.common.web.fields import (
    Currency,
    Id,
    ImageAddress,
    Money,
    OfferPrice,
    Schema,
    ShortText,
    Timestamp,
    UserId,
)
from services.common.web.paging import Page
from services.common.web.references import Code, Sku
from services.contracts.envelope import DisplayType, Rating, Text

GenerationName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", examples=["20261125T031500-ease"])]
Rank = Annotated[int, Field(strict=True, ge=1, le=10_000)]
Rows = Annotated[int, Field(strict=True, ge=1, le=1_000_000_000)]


class NewGeneration(Schema):
    """A new generation, and its bundle."""

    generation: GenerationName
    bundle: ShortText


class GenerationRow(Schema):
    """One line of an upload: the product at `rank` of a shelf, for one user or (`userId` null) for everyone.

    `sku` and `categoryCode` may be used instead of the numbers.
    """

    display_type: DisplayType
    user_id: UserId | None = None
    rank: Rank
    product_id: Id | None = None
    sku: Sku | None = None
    product_name: Text | None = None
    currency: Currency | None = None
    product_price: Money | None = None
    rating: Rating | None = None
    image: ImageAddress | None = None
    category_id: Id | None = None
    category_code: Code | None = None
    category_name: Text | None = None
    special_price: OfferPrice | None = None
    start_date: Timestamp | None = None
    end_date: Timestamp | None = None
    score: float | None = None
    reason: Text | None = None

    @model_validator(mode="after")
    def _shows_something(self) -> Self:
        if all(each is None for each in (self.product_id, self.sku, self.category_id, self.category_code)):
            raise ValueError("a row shows a product or a category")
        return self


class Activate(Schema):
    """The expected number of rows: a truncated generation is not activated."""

    rows: Rows


class RollBack(Schema):
    """The generation to roll back from; refused if another one is active."""

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
