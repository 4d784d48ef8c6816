"""Builds the response bodies by hand, from memory."""

from collections.abc import Collection
from hashlib import sha256
from typing import Final

import orjson
from fastapi.responses import Response
from starlette.datastructures import State

from ml.shelves.catalogue import Product
from ml.shelves.composing import DisplayType, PageQuery, Pick
from serving import pages
from serving.merchandising import Merchandising
from serving.recommender import Recommender, recommendation_id
from serving.schemas import RecommendationQuery

CACHE_CONTROL: Final = "private, max-age=0, must-revalidate"


def page_query(
    query: RecommendationQuery, exclude: Collection[int | None], categories: Collection[int | None]
) -> PageQuery:
    """The parameters of a shelf query; ids are resolved to internal ids, None for unknown ones."""
    low, high = query.price_min, query.price_max

    def fits(product: Product) -> bool:
        return (low is None or product.price >= low) and (high is None or product.price <= high)

    return PageQuery(
        limit=query.limit,
        exclude=[each for each in exclude if each is not None],
        category_ids=frozenset(each or 0 for each in categories) or None,
        keep=None if low is None and high is None else fits,
        with_sold_out=not query.in_stock,
    )


def shelf_answer(state: State, user_id: str, shelf: DisplayType, query: PageQuery, *, seen: str) -> Response:
    """One shelf of a user or visitor; `state` is the application's, `seen` is the caller's ETag."""
    picks, fallback_used = pages.one_shelf(state.recommender, state.merchandising.everyones, user_id, shelf, query)
    return ranked_answer(state, picks, user_id, fallback_used=fallback_used, seen=seen)


def ranked_answer(
    state: State, picks: list[Pick], user_id: str | None = None, *, fallback_used: bool, seen: str
) -> Response:
    """A ranked response, for a user or for everyone, with an ETag of everything but the id, which is always new."""
    recommender: Recommender = state.recommender
    merchandising: Merchandising = state.merchandising
    circumstances = recommender.circumstances(
        user_id, merchandising.everyones.experiment, is_content_away=merchandising.is_silent
    )
    items = [
        {
            "productId": pick.product.product_id,
            "sku": pick.product.sku,
            "rank": rank,
            "score": pick.score,
            "reason": pick.reason,
            "source": pick.source,
            "product": pick.product.plain_card if pick.offer is None else pick.card(),
        }
        for rank, pick in enumerate(picks, start=1)
    ]
    document = orjson.dumps({"items": items, **circumstances, "fallbackUsed": fallback_used})
    tag = f'W/"{sha256(document).hexdigest()[:24]}"'
    headers = {"ETag": tag, "Cache-Control": CACHE_CONTROL}
    if tag in seen:
        return Response(status_code=304, headers=headers)
    identifier = orjson.dumps({"recommendationId": recommendation_id(circumstances)})
    return Response(b"%b,%b" % (identifier[:-1], document[1:]), media_type="application/json", headers=headers)
