"""What a search says of its filters: how many products each choice would leave."""

from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from math import inf
from typing import Any, Self

from pydantic import Field

from services.catalog.attributes.values import AttributeType
from services.catalog.search.engine import PRICE_STEPS, Facets
from services.common.web.fields import Schema

STARS = (4, 3, 2, 1)


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
    """Hits by the values of an attribute that is defined as a facet: in the order of its choices, or of its numbers.

    Of other types, and of more than 50 values, the most frequent.
    """

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
                    {
                        "code": code,
                        "name": found.name,
                        "type": found.type,
                        "unit": found.unit,
                        "values": _in_order(values[code], found),
                    }
                    for code, found in attributes.items()
                    if code in values
                ],
            }
        )


def _in_order(values: list[dict[str, Any]], attribute: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - a row
    """Choices as their definition lists them, and numbers by their size; others stay, the most frequent first."""
    if attribute.type == AttributeType.CHOICE:
        places = {choice: place for place, choice in enumerate(attribute.choices)}
        return sorted(values, key=lambda each: places.get(each["value"], len(places)))
    if attribute.type == AttributeType.NUMBER:
        return sorted(values, key=lambda each: _size(each["value"]))
    return values


def _size(value: str) -> float:
    """The index may be a moment behind a definition, so that a value of a number is still a text."""
    with suppress(ValueError):
        return float(value)
    return inf
