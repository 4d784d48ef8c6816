"""What is searched for and found, and what an index does, whatever it is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from services.catalog.search.documents import Source, Tier
from services.catalog.search.understanding import Concept, Plan

PRICE_STEPS = tuple(digit * 10**power for power in range(9) for digit in (1, 2, 5))
"""Where the ranges of prices end, in units of any currency: 1, 2, 5, 10 … A facet has those that something is in."""
FACET_VALUES = 50
"""A facet shows the most frequent values."""
TIERS: Mapping[Tier, float] = {"A": 1.0, "B": 0.8, "C": 0.5, "D": 0.3}
CATEGORY_GAIN = 0.5
"""What products of the category gain that has most of the score; others gain by their part of it."""
GAIN_STEPS = 20
"""In steps, so that a place holds from page to page though a product comes or goes, or is added in another order."""
ENOUGH = 10
"""Where so many documents have all concepts, the others are left out."""


class Sort(StrEnum):
    """In which order hits come; those that are equal come by id.

    By relevance, what has all that was asked for comes first, and of it what is in stock: of other things there may be
    many, and who asks for a thing by its name is to see that it is sold out.
    """

    RELEVANCE = "relevance"
    PRICE = "price"
    PRICE_DOWN = "-price"
    RATING_DOWN = "-rating"
    NEWEST = "-createdAt"
    POPULARITY = "popularity"


class Facet(StrEnum):
    """What hits can be counted by."""

    CATEGORY = "category"
    BRAND = "brand"
    PRICE = "price"
    RATING = "rating"
    IN_STOCK = "in_stock"
    ATTRIBUTE = "attribute"


@dataclass(frozen=True)
class Filters:
    """What a hit must be; a category includes those below it, and of several values of a filter one is enough."""

    category: int | None = None
    brands: Sequence[str] = ()
    price_min: float | None = None
    price_max: float | None = None
    price_below: float | None = None
    rating_min: float | None = None
    in_stock: bool | None = None
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Query:
    """A search: `after` is the position of the last hit of the page before, as the engine gave it.

    `facets` are those to be counted.
    """

    text: str = ""
    filters: Filters = field(default_factory=Filters)
    sort: Sort = Sort.RELEVANCE
    limit: int = 20
    after: tuple[float, int] | None = None
    facets: Sequence[Facet] = ()


@dataclass(frozen=True)
class Hit:
    """A product, or of a parent's variants the one that fits best; `position` is where the next page begins.

    The earlier a hit stands, the smaller is the first number of its position; hits that fit equally well have the same.
    """

    product_id: int
    variants: int
    position: tuple[float, int]


@dataclass(frozen=True)
class Facets:
    """How many hits each choice would leave, under all filters but its own.

    Prices by the index of their step (`PRICE_STEPS`), ratings by their whole stars, attributes by code and value. What
    was not asked for is empty.
    """

    categories: Mapping[int, int]
    brands: Mapping[str, int]
    prices: Mapping[int, int]
    ratings: Mapping[int, int]
    in_stock: int
    attributes: Mapping[tuple[str, str], int]


@dataclass(frozen=True)
class Answer:
    """One page of hits. Without confidence, they are only near what was asked for, or there are none."""

    hits: Sequence[Hit]
    total: int
    is_confident: bool = True
    corrected_to: str | None = None
    facets: Facets | None = None


@dataclass(frozen=True)
class Document:
    """A product that is sold, as an engine holds it; `group` is what it is a variant of, or itself."""

    product_id: int
    group: int
    source: Source
    attributes: Mapping[str, Any]
    own_categories: Sequence[int]
    all_categories: Sequence[int]
    price: float
    offer: tuple[float, datetime, datetime | None] | None
    rating: float
    rating_count: int
    in_stock: bool
    created_at: datetime

    def attribute_values(self) -> list[str]:
        """Its attributes as filters name them: `color:red`, `refill:true`."""
        return [f"{code}:{text}" for code, value in self.attributes.items() for text in shown(value)]


def shown(value: Any) -> list[str]:  # noqa: ANN401 - a JSON value
    """An attribute's values as texts."""
    if isinstance(value, bool):
        return ["true" if value else "false"]
    if isinstance(value, list | tuple):
        return [str(each) for each in value]
    return [str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)]


def levels(concept: Concept) -> dict[float, list[tuple[str, Tier]]]:
    """What a concept counts, the most first: as much as the best of these words that a document has in such a tier."""
    found: dict[float, list[tuple[str, Tier]]] = {}
    for key, weight in concept.words.items():
        for tier, worth in TIERS.items():
            found.setdefault(round(weight * worth, 4), []).append((key, tier))
    return dict(sorted(found.items(), reverse=True))


class Index(Protocol):
    """Holds documents and finds them by words that `understanding.py` has chosen."""

    async def find(self, query: Query, plan: Plan | None, mentioned: Sequence[str] = ()) -> Answer:
        """One page of hits, by a plan, by words of descriptions alone, or without words; and one hit more if any."""
        ...

    async def write(self, documents: Sequence[Document], gone: Sequence[int], turn: int) -> None:
        """Hold these documents from now on, and these products no longer; twice is as good as once.

        Turns grow, and one is taken before the products are read: what comes late, after a newer turn, is ignored.
        """
        ...

    async def count(self) -> None:
        """Count in how many documents each word is."""
        ...
