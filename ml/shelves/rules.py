"""The model of `shelves.yaml`, which says how each shelf is filled. Unknown keys and values are refused."""

from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Annotated, Final, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ml import columns as c

RULES_FILE: Final = Path(__file__).with_name("shelves.yaml")

LIVE_SOURCES: Final = frozenset({"touched", "bought", "categories", "popular", "offers"})
"""Sources computed per request; the others are `LEARNT_SOURCES`, candidate lists of the bundle.

touched = viewed or in the cart and not bought since, latest first; bought = bought before but not recently, in the
order of `repurchase`, with products not bought for a long time last; categories = products with a category, first those
likely to be bought again, then new ones; popular = what everyone buys; offers = products with a special price now, most
popular first.
"""

MADE_OF: Final[dict[str, tuple[str, ...]]] = {
    "bought": (c.REPURCHASE,),
    "categories": (c.REPURCHASE, c.DISCOVER),
}
"""The candidate lists used by each computed source."""


KNOWN_SOURCES: Final = LIVE_SOURCES | set(c.LEARNT_SOURCES)


class DisplayType(StrEnum):
    """The six shelves; the contract defines the names."""

    CONTINUE_SHOPPING = "CONTINUE_SHOPPING"
    REPURCHASE = "REPURCHASE"
    RECOMMENDED = "RECOMMENDED"
    SALE = "SALE"
    DAILY_DEAL = "DAILY_DEAL"
    RECOMMENDED_CATEGORY = "RECOMMENDED_CATEGORY"


class _Rule(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ShelfRule(_Rule):
    """How one shelf is filled.

    Attributes:
        title: the heading of the shelf.
        sources: where products come from; several alternate.
        fallback: sources tried in order while the shelf has fewer products than `minimum`.
        minimum: below this number of products the shelf is short.
        bought: whether products that the user ever bought are allowed.
        offer: which offers are allowed: no requirement, deals of today, or offers that are not deals of today (the
            fallback accepts any other offer).
        follows_session: whether recent views and carts change the ranking.
        max_per_type, max_per_category: maximum number of products of a kind, for variety.
    """

    title: Annotated[str, Field(min_length=1)]
    sources: Annotated[tuple[str, ...], Field(min_length=1)]
    fallback: tuple[str, ...] = ()
    minimum: Annotated[int, Field(ge=0)] = 0
    bought: Literal["allow", "exclude"] = "allow"
    offer: Literal["today", "standing"] | None = None
    follows_session: bool = False
    max_per_type: Annotated[int, Field(ge=1)] | None = None
    max_per_category: Annotated[int, Field(ge=1)] | None = None

    @field_validator("sources", "fallback")
    @classmethod
    def _names_sources_that_there_are(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [name for name in names if name not in KNOWN_SOURCES]:
            raise ValueError(f"there is no source {', '.join(unknown)}: name any of {', '.join(sorted(KNOWN_SOURCES))}")
        return names


class RepurchaseRule(_Rule):
    """When a bought product may be on a shelf again, and which reason it gets.

    Attributes:
        rest_days: a product bought within this many days is left out.
        silent_intervals: a product not bought for this many of the user's own median intervals comes last.
        habit_purchases, habit_intervals: with at least this many purchases, the last one at most this many intervals
            ago, the reason is "about every" N days.
    """

    rest_days: Annotated[float, Field(ge=0)]
    silent_intervals: Annotated[float, Field(gt=0)]
    habit_purchases: Annotated[int, Field(ge=2)]
    habit_intervals: Annotated[float, Field(gt=0)]


class Reasons(_Rule):
    """The reason texts, by the kind of explanation."""

    viewed: str
    cart: str
    due: str
    bought: str
    bought_once: str
    often_with: str
    alike_touched: str
    which_seen_today: str
    which_seen: str
    which_in_cart: str
    because_bought: str
    alike: str
    category: str
    taste: str
    popular: str
    offer: str
    also_bought: str
    alike_product: str
    popular_in: str

    @field_validator("*")
    @classmethod
    def _names_only_what_is_known(cls, text: str) -> str:
        try:
            text.format(item="", which="", days=0, ago=0, count=0, category="", percent=0)
        except (KeyError, IndexError) as error:
            raise ValueError(f"there is no {{{error.args[0]}}} to name") from error
        return text

    def text(self, ground: str, **values: object) -> str:
        """Render a reason; `values` fill the template."""
        template: str = getattr(self, ground)
        return template.format(**values)


class Rules(_Rule):
    """The whole file.

    Attributes:
        limit: number of places of a shelf.
        at_first: number of visible places; all shelves fill these before any fills the rest.
        page: the order of the shelves on the page.
        shelves: how each is filled, in the order in which they choose.
        repurchase: rules for bought products.
        daily_deal_days: an offer is among today's picks on one of this many days.
        session_weight: weight of recent views and carts against the learnt ranking.
        session_half_life_days: after this many days an action counts half.
        reasons: the reason texts.
    """

    limit: Annotated[int, Field(ge=1, le=100)]
    at_first: Annotated[int, Field(ge=1)]
    page: tuple[DisplayType, ...]
    shelves: dict[DisplayType, ShelfRule]
    repurchase: RepurchaseRule
    daily_deal_days: Annotated[int, Field(ge=1)]
    session_weight: Annotated[float, Field(ge=0, le=10)]
    session_half_life_days: Annotated[float, Field(gt=0)]
    reasons: Reasons

    @model_validator(mode="after")
    def _places_each_shelf_once(self) -> Self:
        if sorted(self.page) != sorted(self.shelves):
            raise ValueError("`page` must name each of `shelves` once")
        return self

    @cached_property
    def version(self) -> str:
        """Changes whenever a rule does."""
        return sha256(self.model_dump_json(by_alias=True).encode()).hexdigest()[:12]

    def turns(self, limit: int) -> list[int]:
        """The number of places that a shelf with `limit` places has filled after each round."""
        return sorted({min(self.at_first, limit), limit})

    def candidate_sources(self) -> set[str]:
        """The candidate lists that a bundle must contain for these rules."""
        named = {name for rule in self.shelves.values() for name in (*rule.sources, *rule.fallback)}
        made_of = set(chain.from_iterable(MADE_OF.get(name, ()) for name in named))
        return (named - LIVE_SOURCES) | made_of

    @classmethod
    def load(cls, path: Path = RULES_FILE) -> Self:
        """Read and validate a rules file.

        Raises:
            pydantic.ValidationError: a rule is missing, unknown or impossible.
        """
        return cls.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
