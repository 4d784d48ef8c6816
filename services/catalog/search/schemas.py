"""Requests and responses of the search."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from services.catalog.schemas import ProductOut
from services.catalog.search.engine import PRICE_STEPS, Facets
from services.common.web.fields import Schema

STARS = (4, 3, 2, 1)


class FoundProduct(ProductOut):
    """A product as shoppers see it; `variantCount` variants of its parent are among the hits, and this fits best."""


class CategoryFacet(Schema):
    """Hits in a category or below it."""

    category_id: int
    code: str
    name: str
    count: int


class BrandFacet(Schema):
    """Hits of a brand."""

    value: str
    count: int


class PriceFacet(Schema):
    """Hits that cost at least `from`, and less than `to` (`priceBelow`); the last range has no end."""

    lowest: int = Field(alias="from")
    to: int | None
    count: int


class RatingFacet(Schema):
    """Hits with at least so many stars."""

    lowest: int = Field(alias="from")
    count: int


class AttributeValue(Schema):
    """Hits with this value, as the parameter `attribute` takes it."""

    value: str
    count: int


class AttributeFacet(Schema):
    """Hits by the values of an attribute that is defined as a facet."""

    code: str
    name: str
    type: str
    unit: str | None
    values: list[AttributeValue]


class FacetsOut(Schema):
    """How many hits each choice would leave, under all filters but the facet's own."""

    categories: list[CategoryFacet]
    brands: list[BrandFacet]
    prices: list[PriceFacet]
    ratings: list[RatingFacet]
    in_stock: int
    attributes: list[AttributeFacet]

    @classmethod
    def of(cls, facets: Facets, categories: Mapping[int, Any], attributes: Mapping[str, Any]) -> Self:
        """Build from an index's counts, with the categories and the attributes they are about."""
        ends = [0, *PRICE_STEPS, None]
        stars = [(lowest, sum(n for star, n in facets.ratings.items() if star >= lowest)) for lowest in STARS]
        values = defaultdict(list)
        for (code, value), count in facets.attributes.items():
            values[code].append({"value": value, "count": count})
        return cls.model_validate(
            {
                "categories": [
                    {"categoryId": category_id, "code": found.code, "name": found.name, "count": count}
                    for category_id, count in facets.categories.items()
                    if (found := categories.get(category_id))
                ],
                "brands": [{"value": brand, "count": count} for brand, count in facets.brands.items()],
                "prices": [
                    {"from": ends[step], "to": ends[step + 1], "count": count} for step, count in facets.prices.items()
                ],
                "ratings": [{"from": lowest, "count": count} for lowest, count in stars if count],
                "inStock": facets.in_stock,
                "attributes": [
                    {"code": code, "name": found.name, "type": found.type, "unit": found.unit, "values": values[code]}
                    for code, found in attributes.items()
                    if code in values
                ],
            }
        )


class SearchOut(Schema):
    """One page of a search's hits.

    `correctedTo` is what was searched for instead of a mistyped word. Without `isConfident` this shop has no such
    thing, and the items only mention it. If it `isPersonalised`, those of its items that fit equally well come in the
    order of the caller's taste. Actions may carry `searchId` as their `requestID`.
    """

    search_id: str
    total: int
    items: list[FoundProduct]
    facets: FacetsOut | None
    corrected_to: str | None
    is_confident: bool
    is_personalised: bool
    next_cursor: str | None = None


class SuggestionOut(Schema):
    """How a search may go on: words, or a product, category or brand to go to."""

    kind: Literal["query", "product", "category", "brand"]
    text: str
    product_id: int | None = None
    category_id: int | None = None


class SuggestionsOut(Schema):
    """Suggestions, the best first."""

    items: list[SuggestionOut]


SearchText = Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]
