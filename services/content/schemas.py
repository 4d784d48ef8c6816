"""Requests and responses of the content service's API."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from services.common.web.fields import (
    Boolean,
    FreeText,
    Id,
    OfferPrice,
    Schema,
    ShownMoney,
    Timestamp,
    UserId,
    left_out,
)
from services.common.web.paging import Page
from services.common.web.references import Sku
from services.content.domain import DisplayRow
from services.contracts.envelope import DisplayType

Mode = Literal["pin", "hide"]
Priority = Annotated[int, Field(strict=True, ge=-1_000, le=1_000)]


def _no_price(mode: Any) -> Any:  # noqa: ANN401 - whatever was sent
    return _set_in_catalog(mode) if mode == "price" else mode


def _set_in_catalog(_: Any) -> Any:  # noqa: ANN401 - whatever was sent
    raise ValueError("a special price is set in catalog: PUT /v1/products/{productId}/special-price")


NewMode = Annotated[Mode, BeforeValidator(_no_price)]


class DisplayChange(Schema):
    """Changes of a manual row; omitted fields stay unchanged."""

    display_type: DisplayType = left_out()
    mode: NewMode = left_out()
    product_id: Id = left_out()
    sku: Sku = left_out()
    user_id: UserId | None = left_out()
    campaign_id: Id | None = left_out()
    priority: Priority = left_out()
    promised_price: OfferPrice | None = left_out()
    special_price: SkipJsonSchema[Annotated[None, BeforeValidator(_set_in_catalog)]] = None
    """Accepted from nobody: the refusal says where it is set."""
    start_date: Timestamp = left_out()
    end_date: Timestamp | None = left_out()
    is_active: Boolean = left_out()
    reason: FreeText | None = left_out()

    def changes(self) -> dict[str, Any]:
        """The given fields by column name."""
        values = self.model_dump(mode="python", exclude_unset=True)
        return {name: value.value if isinstance(value, DisplayType) else value for name, value in values.items()}


class NewDisplay(DisplayChange):
    """A merchandiser's row for a product.

    `pin` puts it first on its shelf, in stock or not; `hide` removes it, a parent with its variants, from every shelf.
    It applies to one user or (`userId` null) to everyone, from `startDate` until before `endDate`, and within the dates
    of its campaign. Of several pins the one of the higher `priority` comes first; a new one is the last of its
    priority. What is hidden is on no shelf, whatever the priorities of its pins are. `sku` may name the product instead
    of `productId`. A second row that says the same within the same dates is refused.

    A special price is catalog's alone (`PUT /v1/products/{productId}/special-price`), and every shelf shows it. With a
    `promisedPrice` the row shows only while that is catalog's special price; without such an offer it is refused.
    """

    display_type: DisplayType
    mode: NewMode

    @model_validator(mode="after")
    def _names_a_product(self) -> Self:
        if not {"product_id", "sku"} & self.model_fields_set:
            raise ValueError("give productId or sku")
        return self


class DisplayOut(Schema):
    """A manual row with its product's data from catalog, null where unknown.

    `specialPrice` is catalog's offer that holds now, within the row's dates. The ETag is the `version` in quotes.
    """

    id: int
    display_type: DisplayType
    mode: Mode
    product_id: int
    sku: str | None
    product_name: str | None
    currency: str | None
    product_price: ShownMoney | None
    rating: float | None
    image: str | None
    category_id: int | None
    category_code: str | None
    category_name: str | None
    user_id: str | None
    generation: str | None
    source: Literal["manual"]
    campaign_id: int | None
    priority: int
    rank: int
    promised_price: ShownMoney | None
    special_price: ShownMoney | None
    start_date: datetime
    end_date: datetime | None
    is_active: bool
    reason: str | None
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: Mapping[Any, Any]) -> Self:
        """Build from a row of `queries.list_displays`."""
        shown = DisplayRow(**{field.name: row[field.name] for field in fields(DisplayRow)})
        values = {**row, "special_price": shown.special_price_at(datetime.now(UTC))}
        return cls(**{name: values[name] for name in cls.model_fields})


class DisplayPage(Page[DisplayOut]):
    """One page of manual rows, by id."""


class Move(Schema):
    """The place of a pin among those of its shelf: behind another one, or (null) before all."""

    after: Id | None


class PinOrder(Schema):
    """The first pins of a shelf, for one user or for everyone, in their order."""

    items: list[DisplayOut]

    @classmethod
    def of(cls, rows: Iterable[Mapping[Any, Any]]) -> Self:
        """Build from rows of `queries.first_pins`."""
        return cls(items=[DisplayOut.of(row) for row in rows])


class ShelfItem(Schema):
    """One product in its place; `source` is `model` or `manual`, and `displayId` is the row of what is manual."""

    product_id: int | None
    sku: str | None
    product_name: str | None
    currency: str | None
    product_price: ShownMoney | None
    special_price: ShownMoney | None
    rating: float | None
    image: str | None
    category_id: int | None
    category_code: str | None
    category_name: str | None
    rank: int
    score: float | None
    reason: str | None
    source: Literal["model", "manual"]
    display_id: int | None


class Shelf(Schema):
    """One ranked list."""

    display_type: DisplayType
    title: str
    items: list[ShelfItem]


class ShownArm(Schema):
    """An arm of an experiment, which gets its weight's share of the users."""

    name: str
    weight: int


class ShownExperiment(Schema):
    """The experiment that runs, and the user's arm: null for everyone, and without consent."""

    name: str
    arm: str | None
    arms: list[ShownArm]


class DisplaysOut(Schema):
    """The shelves of one user that have products, in page order.

    A service that composes its own shelves uses the pins (items whose `source` is `manual`), and the products that
    are `hidden` everywhere (`hiddenSkus` in the same order), which are null for shoppers.
    """

    user_id: str | None
    generation: str | None
    shelves: list[Shelf]
    hidden: list[int] | None
    hidden_skus: list[str | None] | None
    experiment: ShownExperiment | None


class WishesOut(Schema):
    """What a user wishes of the shelves."""

    has_consent: bool
    opted_out: list[str]


class KeptRow(Schema):
    """A product that was chosen for a user: in a generation, or by a merchandiser (with a `mode`)."""

    generation: str | None
    mode: Mode | None
    display_type: str
    rank: int
    product_id: int | None
    score: float | None
    reason: str | None
    created_at: datetime


class ExportOut(Schema):
    """What is stored about a user."""

    wishes: WishesOut | None
    shelves: list[KeptRow]
