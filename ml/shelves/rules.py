"""The model of `shelves.yaml`: how each shelf is filled. A word that is not known here is refused."""

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
"""Sources worked out on the spot; the others are `LEARNT_SOURCES`, candidate lists of the bundle.

touched = viewed or in the cart and not bought since, latest first; bought = bought before and not just now, in the
order of `repurchase`, what has been silent for long last; categories = what has a category, first what is likely to be
bought again, then what is new; popular = what everyone buys; offers = whatever has a special price now, the most
popular first.
"""

MADE_OF: Final[dict[str, tuple[str, ...]]] = {
    "bought": (c.REPURCHASE,),
    "categories": (c.REPURCHASE, c.DISCOVER),
}
"""Of which candidate lists a source worked out on the spot is made."""


KNOWN_SOURCES: Final = LIVE_SOURCES | set(c.LEARNT_SOURCES)


class DisplayType(StrEnum):
    """The six shelves; the names are the contract's."""

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
        title: what stands above the shelf.
        sources: where products come from; several take turns.
        fallback: tried one after the other while the shelf holds fewer than `minimum`.
        minimum: what the shelf should hold; below it, it is short.
        bought: whether products that the user ever bought may stand here.
        offer: which offers may stand here: none asked for, those of today, or those that are not of today (each gives
            way to any other offer in the fallback).
        follows_session: whether what was just viewed or put in the cart alters the ranking.
        max_per_type, max_per_category: at most so many products of a kind, for variety.
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
    """When what was bought before may stand on a shelf again, and what is said of it.

    Attributes:
        rest_days: what was bought less than so many days ago rests.
        silent_intervals: what was not bought for so many of the user's own median intervals comes last.
        habit_purchases, habit_intervals: from so many purchases on, the last of them not longer ago than so many
            intervals, something is bought "about every" so many days.
    """

    rest_days: Annotated[float, Field(ge=0)]
    silent_intervals: Annotated[float, Field(gt=0)]
    habit_purchases: Annotated[int, Field(ge=2)]
    habit_intervals: Annotated[float, Field(gt=0)]


class Reasons(_Rule):
    """What is said about a product, by the ground on which it was chosen."""

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
        """The reason in words; `values` are what the template names."""
        template: str = getattr(self, ground)
        return template.format(**values)


class Rules(_Rule):
    """The whole file.

    Attributes:
        limit: how many places a shelf has.
        at_first: how many of them are seen at once; all shelves choose for these before any chooses for the rest.
        page: the order of the shelves on the page.
        shelves: how each is filled, in the order of choosing.
        repurchase: what may be bought again.
        daily_deal_days: an offer is a deal of the day on one day out of so many.
        session_weight: how much what was just viewed or put in the cart counts against the long-run taste.
        session_half_life_days: after so many days an action counts half.
        reasons: what is said about a product.
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
        """Up to how many places every shelf of so many places chooses, turn after turn."""
        return sorted({min(self.at_first, limit), limit})

    def candidate_sources(self) -> set[str]:
        """The candidate lists that a bundle must carry for these rules."""
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
