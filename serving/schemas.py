"""Requests and responses of serving."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field, model_validator

from services.common.web.fields import Boolean, Id, Money, PathId, Schema, UserId
from services.common.web.references import CategoryReference, ProductReference, Sku
from services.common.web.shelves import ShelfItem
from services.contracts.envelope import DisplayType
from services.contracts.events.feedback import Placement, RecommendationId

MAX_ITEMS = 100
MAX_EXCLUDED = 500
Products = Annotated[list[ProductReference], Field(max_length=MAX_EXCLUDED)]
Categories = Annotated[list[CategoryReference], Field(max_length=MAX_EXCLUDED)]


class RecommendationQuery(Schema):
    """Which shelf, how many items, and filters."""

    shelf: DisplayType = DisplayType.RECOMMENDED
    limit: Annotated[int, Field(ge=1, le=MAX_ITEMS)] = 10
    exclude_ids: Products = Field(default_factory=list)
    category_id: Categories = Field(default_factory=list)
    price_min: Money | None = None
    price_max: Money | None = None
    in_stock: bool = True

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.price_min is not None and self.price_max is not None and self.price_min > self.price_max:
            raise ValueError("priceMin must not be above priceMax")
        return self


class SimilarQuery(Schema):
    """How many, and exclusions."""

    limit: Annotated[int, Field(ge=1, le=MAX_ITEMS)] = 12
    exclude_ids: Products = Field(default_factory=list)


class RankingQuery(Schema):
    """The products to be ranked."""

    product_ids: Annotated[list[PathId], Field(min_length=1, max_length=MAX_ITEMS)]


class Ranking(Schema):
    """Each of the products once; not `isPersonalised` where nothing is known of the user's taste."""

    product_ids: list[int]
    is_personalised: bool


class PageRequest(Schema):
    """Whose page: a user, a visitor (`anon:…`), or, without an id, the caller.

    `excludeIds` may contain our ids and the shop's own: `[7, "sku:85123A"]`.
    """

    user_id: UserId | None = None
    exclude_ids: Annotated[list[Id | ProductReference], Field(max_length=MAX_EXCLUDED, default_factory=list)]


class Card(Schema):
    """A product's card; `specialPrice` only while it is valid."""

    product_id: int
    sku: str | None
    product_name: str
    product_price: Annotated[str, Field(examples=["12.30"])]
    special_price: Annotated[str | None, Field(examples=["9.99"])]
    currency: str
    rating: float
    image: str | None
    category_id: int | None
    category_code: str | None
    category_name: str | None


class Item(Schema):
    """One recommended product with the true reason; `source` is `manual` for a merchandiser's pin."""

    product_id: int
    sku: str | None
    rank: int
    score: float | None
    reason: str | None
    source: str
    product: Card


class PageShelf(Schema):
    """One shelf."""

    display_type: DisplayType
    title: str
    items: list[ShelfItem]


class ExperimentArm(Schema):
    """The experiment that runs, and the arm in which the user is."""

    name: str
    arm: str


class Circumstances(Schema):
    """How a response was produced; `degraded` if something was missing, which `warnings` name."""

    recommendation_id: str
    model_version: str | None
    rules_version: str
    generation: str | None
    degraded: bool
    fallback_used: bool
    warnings: list[str]
    experiment: ExperimentArm | None


class Recommendations(Circumstances):
    """A ranked list, best first."""

    items: list[Item]


class Page(Circumstances):
    """All shelves in page order; no product is on two of them."""

    user_id: str | None
    shelves: list[PageShelf]


class Placed(Schema):
    """A product in its place: `productId`, `sku`, or both of the same product."""

    display_type: Placement
    product_id: Id | None = None
    sku: Sku | None = None

    @model_validator(mode="after")
    def _names_a_product(self) -> Self:
        if self.product_id is None and self.sku is None:
            raise ValueError("give productId or sku")
        return self


class Shown(Placed):
    """A product that was shown, and where."""

    rank: Annotated[int, Field(strict=True, ge=1, le=1_000)]
    score: Annotated[float, Field(strict=True)] | None = None
    source: Annotated[str, Field(max_length=64, pattern=r"^[^\x00]*$")] | None = None


class Clicked(Placed):
    """A product that was clicked, and where it was."""

    rank: Annotated[int, Field(strict=True, ge=1, le=1_000)]


class Feedback(Schema):
    """What was shown or clicked of one response; without `userId` it is the caller's."""

    recommendation_id: RecommendationId
    user_id: UserId | None = None
    report_id: Annotated[
        UUID | None,
        Field(description="Of the report; a repeat counts once. Without it, equal reports count once."),
    ] = None
    shown: Annotated[list[Shown], Field(max_length=200, default_factory=list)]
    clicked: Clicked | None = None
    simulated: Boolean = False

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.shown and self.clicked is None:
            raise ValueError("shown or clicked must be given")
        return self


class FeedbackTaken(Schema):
    """How many events will be recorded; `degraded` if fewer than given, because too many wait for the broker."""

    accepted: int
    degraded: bool


class ServedModel(Schema):
    """The bundle in use; `popularityBecause` says why all lists are popularity, if they are."""

    bundle: str
    created_at: datetime
    data_cut: datetime
    loaded_at: datetime
    rules_version: str
    metrics: dict[str, float]
    configuration: dict[str, Any]
    popularity_because: str | None


class RefusedModel(Schema):
    """A refused bundle, and the reason."""

    bundle: str
    reason: str
    detail: str
    refused_at: datetime


class LiveStatus(Schema):
    """How far behind the live state is."""

    is_broker_answering: bool
    has_caught_up: bool
    read_at_start: Annotated[
        dict[str, bool],
        Field(description="What is loaded beside the log, and whether it is; `landed` only with a warehouse."),
    ]
    shoppers: int


class ModelStatus(Schema):
    """The bundle in use, the champion, and the refused bundle."""

    champion: str | None
    previous: str | None
    generation: str | None
    serving: ServedModel | None
    refused: RefusedModel | None
    rules_version: str
    live: LiveStatus
