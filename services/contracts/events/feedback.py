"""What was shown and what was clicked: `recommendation-feedback.v1`."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from services.contracts.envelope import Contract, Id, Text, UserId
from services.contracts.string_formats import Open


class Placement(StrEnum):
    """Where a recommended product stood: on one of the six shelves, or beside the product that it is like."""

    SALE = "SALE"
    RECOMMENDED = "RECOMMENDED"
    REPURCHASE = "REPURCHASE"
    DAILY_DEAL = "DAILY_DEAL"
    RECOMMENDED_CATEGORY = "RECOMMENDED_CATEGORY"
    CONTINUE_SHOPPING = "CONTINUE_SHOPPING"
    SIMILAR = "SIMILAR"


RecommendationId = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00]+$")]
"""Short enough for a key in any database."""


class ShownItem(Contract):
    """One product (or category) in its place."""

    display_type: Annotated[Placement, Open()]
    product_id: Id
    sku: Text | None = None
    rank: Annotated[int, Field(ge=1, le=1_000)]
    score: float | None = None
    source: Text | None = None


class RecommendationShown(Contract):
    """RECOMMENDATION_SHOWN: one answer as it was shown, with the versions that made it, and the user's arm."""

    recommendation_id: RecommendationId
    user_id: UserId
    items: list[ShownItem]
    model_version: Text | None = None
    rules_version: Text | None = None
    generation: Text | None = None
    degraded: bool = False
    simulated: bool = False
    experiment: Text | None = None
    arm: Text | None = None


class RecommendationClicked(Contract):
    """RECOMMENDATION_CLICKED: one item of an answer was opened."""

    recommendation_id: RecommendationId
    user_id: UserId
    display_type: Annotated[Placement, Open()]
    product_id: Id
    sku: Text | None = None
    rank: Annotated[int, Field(ge=1, le=1_000)]
    simulated: bool = False
    experiment: Text | None = None
    arm: Text | None = None
