"""Search and suggestions."""

from collections import defaultdict
from decimal import Decimal
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Query, Request
from pydantic import Field, FiniteFloat

from services.catalog import queries
from services.catalog.categories import categories
from services.catalog.clients import Serving
from services.catalog.search.engine import Answer, Facet, Filters, Sort
from services.catalog.search.engine import Query as Asked
from services.catalog.search.schemas import (
    FoundProduct,
    SearchOut,
    SearchText,
    SuggestionOut,
    SuggestionsOut,
)
from services.catalog.search.schemas_facets import FacetsOut
from services.catalog.search.search import Search, preferred
from services.common.identity.policy import PUBLIC
from services.common.identity.principal import Principal
from services.common.runtime.errors import Fault, Unprocessable, problems
from services.common.storage.database import Database, Session
from services.common.web.fields import Id, ShortText
from services.common.web.paging import CursorParam, decode_cursor, encode_cursor
from services.common.web.references import CategoryReference
from services.common.web.routing import Router

router = Router(tags=["search"])
MOST_PRICE = 1_000_000_000_000
SUGGESTED = 3
"""At most so many products, categories and brands each."""
Price = Annotated[Decimal | None, Query(ge=0, le=MOST_PRICE, allow_inf_nan=False)]
AttributeValue = Annotated[str, Field(max_length=260, pattern=r"^[a-z][a-z0-9_]{0,49}:[^\x00]{1,200}$")]


@router.get("/v1/search", responses=problems(404))
async def search_products(  # noqa: PLR0913 - a filter each
    request: Request,
    session: Session,
    caller: Annotated[Principal | None, PUBLIC],
    *,
    q: Annotated[SearchText, Query(description="What a shopper types; it may be empty if a category is given")],
    category: Annotated[CategoryReference | None, Query(description="Subcategories are included")] = None,
    brand: Annotated[list[ShortText] | None, Query(max_length=50)] = None,
    price_min: Annotated[Price, Query(alias="priceMin")] = None,
    price_max: Annotated[Price, Query(alias="priceMax")] = None,
    price_below: Annotated[
        Price, Query(alias="priceBelow", description="Less than this, as a range of prices ends")
    ] = None,
    rating_min: Annotated[float | None, Query(alias="ratingMin", ge=0, le=5, allow_inf_nan=False)] = None,
    in_stock: Annotated[bool | None, Query(alias="inStock")] = None,
    attribute: Annotated[list[AttributeValue] | None, Query(max_length=20, description="`code:value`")] = None,
    sort: Sort = Sort.RELEVANCE,
    facets: Annotated[bool, Query(description="Whether to count what each filter would leave")] = False,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: CursorParam = None,
) -> SearchOut:
    """Active products that fit, one of the variants of a parent, with facets if asked for.

    Several values of a filter widen it, several filters narrow the hits. Prices are those of now. By relevance, what
    fits equally well comes in the order of a logged-in shopper's taste, page by page.
    """
    if not q.strip() and category is None:
        fault = Fault(field="query.q", message="Must not be empty without a category")
        raise Unprocessable("There is nothing to search for.", errors=[fault])
    chosen = defaultdict(list)
    for each in attribute or ():
        chosen[each.partition(":")[0]].append(each.partition(":")[2])
    filters = Filters(
        category=await _existing(request.app.state.database, category),
        brands=brand or (),
        price_min=None if price_min is None else float(price_min),
        price_max=None if price_max is None else float(price_max),
        price_below=None if price_below is None else float(price_below),
        rating_min=rating_min,
        in_stock=in_stock,
        attributes=chosen,
    )
    after = decode_cursor(cursor, FiniteFloat, Id)
    search: Search = request.app.state.search
    answer = await search.search(Asked(q, filters, sort, limit, after, tuple(Facet) if facets else ()))
    liked: list[int] | None = None
    if sort is Sort.RELEVANCE and caller is not None and caller.kind == "user":
        serving: Serving = request.app.state.serving
        found = [hit.product_id for hit in answer.hits[:limit]]
        liked = await serving.ranked(caller.subject, found, request.headers["authorization"])
    return await _shown(session, answer, limit, liked)


@router.get("/v1/search/suggestions", dependencies=[PUBLIC])
async def suggest(
    request: Request,
    session: Session,
    q: Annotated[SearchText, Query(min_length=1, description="What has been typed until now")],
    limit: Annotated[int, Query(ge=1, le=20)] = 10,
) -> SuggestionsOut:
    """How a search may go on: words that many products are, then categories, brands and products."""
    if not q.strip():
        return SuggestionsOut(items=[])
    search: Search = request.app.state.search
    words = [SuggestionOut(kind="query", text=text) for text in await search.continued(q, limit)]
    answer = await search.search(Asked(q, limit=SUGGESTED, facets=(Facet.CATEGORY, Facet.BRAND)))
    found: list[SuggestionOut] = []
    if answer.is_confident and answer.facets:
        ids = list(answer.facets.categories)[:SUGGESTED]
        named, _ = await queries.facet_names(session, ids)
        found += [
            SuggestionOut(kind="category", text=named[each].name, category_id=each) for each in ids if each in named
        ]
        found += [
            SuggestionOut(kind="brand", text=brand) for brand in search.named(q, answer.facets.brands)[:SUGGESTED]
        ]
        ids = [hit.product_id for hit in answer.hits[:SUGGESTED]]
        rows = await queries.products_by_id(session, ids)
        found += [
            SuggestionOut(kind="product", text=rows[each]["name"], product_id=each) for each in ids if each in rows
        ]
    return SuggestionsOut(items=[*words[: max(limit - len(found), (limit + 1) // 2)], *found][:limit])


async def _existing(database: Database, category: CategoryReference | None) -> int | None:
    """The id of a category that exists; it keeps no connection while the search waits for one.

    Raises:
        CategoryNotFound: there is none.
    """
    if category is None:
        return None
    async with database.sessions() as session:
        return (await categories.find(session, await categories.identify(session, category))).id


async def _shown(session: Session, answer: Answer, limit: int, liked: list[int] | None) -> SearchOut:
    hits = answer.hits[:limit]
    shown = hits if liked is None else preferred(hits, liked)
    rows = await queries.products_by_id(session, [hit.product_id for hit in hits])
    facets: FacetsOut | None = None
    if answer.facets is not None:
        facets = FacetsOut.of(answer.facets, *await queries.facet_names(session, list(answer.facets.categories)))
    return SearchOut(
        search_id=str(uuid4()),
        total=answer.total,
        items=[_found(rows[hit.product_id], hit.variants) for hit in shown if hit.product_id in rows],
        facets=facets,
        corrected_to=answer.corrected_to,
        is_confident=answer.is_confident,
        is_personalised=liked is not None,
        next_cursor=encode_cursor(*hits[-1].position) if len(answer.hits) > limit else None,
    )


def _found(row: Any, variants: int) -> FoundProduct:  # noqa: ANN401 - a row
    return FoundProduct.of(row, is_public=True).model_copy(update={"variant_count": variants})
