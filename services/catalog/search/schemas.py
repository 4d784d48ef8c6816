"""Requests and responses of the search."""

from typing import Annotated, Literal

from pydantic import Field

from services.catalog.schemas import ProductOut
from services.catalog.search.schemas_facets import FacetsOut
from services.common.web.fields import Schema


class FoundProduct(ProductOut):
    """A product as shoppers see it; `variantCount` variants of its parent are among the hits, and this fits best."""


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
