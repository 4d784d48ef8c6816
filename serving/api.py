"""The routes of serving. Answers are made by hand from memory: response models only describe them."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Annotated, Any

import orjson
from fastapi import Path, Query, Request
from fastapi.responses import Response

from ml.catalogue import Product
from ml.shelves import Ask, DisplayType, Pick
from services.common.auth import Principal
from services.common.errors import Forbidden, Unauthorized, problems
from services.common.policy import PUBLIC
from services.common.routing import Router
from services.common.schemas import PathId, UserId
from serving import feedback as reports
from serving import pages
from serving.merchandising import Merchandising
from serving.recommender import Recommender, recommendation_id
from serving.schemas import (
    Feedback,
    FeedbackTaken,
    ModelStatus,
    Page,
    PageRequest,
    RecommendationQuery,
    Recommendations,
    SimilarQuery,
)

router = Router()
Caller = Annotated[Principal | None, PUBLIC]
VISITOR = "anon:"
CACHE_CONTROL = "private, max-age=0, must-revalidate"
NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "Not modified since the ETag given"}}


@router.get(
    "/v1/users/{userId}/recommendations",
    response_model=Recommendations,
    responses=NOT_MODIFIED | problems(403),
)
async def recommendations(
    request: Request,
    caller: Caller,
    user_id: Annotated[UserId, Path(alias="userId")],
    query: Annotated[RecommendationQuery, Query()],
) -> Response:
    """What one user, or one visitor (`anon:…`), is to be shown on one shelf."""
    _check_is_own(caller, user_id)
    state = request.app.state
    shelf, ask = DisplayType(query.shelf), _ask(query)
    picks, fallback_used = pages.one_shelf(state.recommender, state.merchandising.everyones, user_id, shelf, ask)
    return _ranked(request, picks, fallback_used=fallback_used)


@router.get(
    "/v1/products/{productId}/similar",
    dependencies=[PUBLIC],
    response_model=Recommendations,
    responses=NOT_MODIFIED | problems(404),
)
async def similar(
    request: Request,
    product_id: Annotated[PathId, Path(alias="productId")],
    query: Annotated[SimilarQuery, Query()],
) -> Response:
    """Products like one product: those that the same shoppers buy, then what is popular in its category."""
    state = request.app.state
    picks, fallback_used = pages.similar(
        state.recommender, state.merchandising.everyones, product_id, query.limit, query.exclude_ids
    )
    return _ranked(request, picks, fallback_used=fallback_used)


@router.post("/v1/pages", response_model=Page, responses=problems(403))
async def page(request: Request, caller: Caller, wish: PageRequest) -> Response:
    """All shelves of a page in one call, no product twice: live shelves under what merchandisers pinned or hid."""
    user_id = wish.user_id or _self(caller)
    _check_is_own(caller, user_id)
    state = request.app.state
    merchandising: Merchandising = state.merchandising
    said = await merchandising.ask(user_id, request.headers.get("authorization"))
    displays = said or merchandising.everyones
    document = pages.page(state.recommender, displays, user_id, wish.exclude_ids, is_content_away=said is None)
    return _json(document, {"Cache-Control": "private, no-store"})


@router.post("/v1/feedback", status_code=202, responses=problems(403))
async def feedback(request: Request, caller: Caller, report: Feedback) -> FeedbackTaken:
    """Report what was seen or clicked of an answer; never makes the shopper wait for the broker."""
    user_id = report.user_id or _self(caller)
    if user_id is None:
        raise Unauthorized("Whose feedback it is needs a user's token or a userId.")
    _check_is_own(caller, user_id)
    events = reports.events_of(report, user_id)
    accepted = request.app.state.feedback.take(user_id, events)
    return FeedbackTaken(accepted=accepted, degraded=accepted < len(events))


@router.get("/v1/models", dependencies=[PUBLIC])
async def models(request: Request) -> ModelStatus:
    """Which bundle answers, which one should, and why one was refused."""
    recommender: Recommender = request.app.state.recommender
    return ModelStatus.model_validate(recommender.status())


def _self(caller: Principal | None) -> str | None:
    """The user who calls; a service that calls is nobody."""
    return caller.subject if caller and not caller.is_service else None


def _check_is_own(caller: Principal | None, user_id: str | None) -> None:
    """Let everyone see visitors' and everyone's answers, and users only their own; services see all.

    Raises:
        Unauthorized: a user's answer without a token.
        Forbidden: another user's answer.
    """
    if user_id is None or user_id.startswith(VISITOR):
        return
    if caller is None:
        raise Unauthorized("A user's own token, or a service's, is needed.")
    if not caller.is_service and caller.subject != user_id:
        raise Forbidden("This token may not ask for another user.")


def _ask(query: RecommendationQuery) -> Ask:
    low, high = query.price_min, query.price_max

    def fits(product: Product) -> bool:
        return (low is None or product.price >= low) and (high is None or product.price <= high)

    return Ask(
        limit=query.limit,
        exclude=query.exclude_ids,
        category_ids=frozenset(query.category_id) or None,
        keep=None if low is None and high is None else fits,
        with_sold_out=not query.in_stock,
    )


def _ranked(request: Request, picks: list[Pick], *, fallback_used: bool) -> Response:
    """A ranked answer with an ETag of all of it but the id, which is new each time."""
    recommender: Recommender = request.app.state.recommender
    circumstances = recommender.circumstances(is_content_away=request.app.state.merchandising.is_silent)
    items = [
        {
            "productId": pick.product.product_id,
            "rank": rank,
            "score": pick.score,
            "reason": pick.reason,
            "source": pick.source,
            "product": pick.card(),
        }
        for rank, pick in enumerate(picks, start=1)
    ]
    document = {"items": items, **circumstances, "fallbackUsed": fallback_used}
    tag = f'W/"{blake2b(orjson.dumps(document), digest_size=12).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": CACHE_CONTROL}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return _json({"recommendationId": recommendation_id(circumstances), **document}, headers)


def _json(document: Mapping[str, Any], headers: Mapping[str, str]) -> Response:
    return Response(orjson.dumps(document), media_type="application/json", headers=dict(headers))
