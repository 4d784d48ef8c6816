"""The routes of serving. Responses are built by hand from memory; response models only document them."""

from typing import Annotated, Any

import orjson
from fastapi import Path, Query, Request
from fastapi.responses import Response

from ml.shelves.composing import DisplayType
from services.common.identity.policy import OWNER, PUBLIC, owner, role
from services.common.identity.principal import Principal
from services.common.runtime.errors import Unauthorized, problems
from services.common.web.fields import UserId
from services.common.web.references import ProductReference
from services.common.web.routing import Router
from serving import feedback as reports
from serving import pages
from serving.answers import page_query, ranked_answer, shelf_answer
from serving.merchandising import Merchandising
from serving.recommender import Recommender
from serving.schemas import (
    Feedback,
    FeedbackTaken,
    ModelStatus,
    Page,
    PageRequest,
    Ranking,
    RankingQuery,
    RecommendationQuery,
    Recommendations,
    SimilarQuery,
)

router = Router()
Caller = Annotated[Principal | None, owner(place="body", takes_views=True)]
NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "Not modified since the ETag given"}}


@router.get(
    "/v1/users/{userId}/recommendations",
    dependencies=[OWNER],
    response_model=Recommendations,
    responses=NOT_MODIFIED | problems(403, 431),
)
async def recommendations(
    request: Request,
    user_id: Annotated[UserId, Path(alias="userId")],
    query: Annotated[RecommendationQuery, Query()],
) -> Response:
    """What one user or visitor is to be shown on one shelf."""
    shelf = DisplayType(query.shelf)
    recommender: Recommender = request.app.state.recommender
    exclude = recommender.product_ids(query.exclude_ids)
    categories = [recommender.category_id(each) for each in query.category_id]
    return shelf_answer(request.app.state, user_id, shelf, page_query(query, exclude, categories), seen=_seen(request))


@router.get(
    "/v1/products/{productId:product}/similar",
    dependencies=[PUBLIC],
    response_model=Recommendations,
    responses=NOT_MODIFIED | problems(404, 431),
)
async def similar(
    request: Request,
    product: Annotated[ProductReference, Path(alias="productId")],
    query: Annotated[SimilarQuery, Query()],
) -> Response:
    """Products like one product: those that the same shoppers buy, then what is popular in its category."""
    state = request.app.state
    picks, fallback_used = pages.similar(
        state.recommender,
        state.merchandising.everyones,
        product,
        query.limit,
        state.recommender.product_ids(query.exclude_ids),
    )
    return ranked_answer(state, picks, fallback_used=fallback_used, seen=_seen(request))


@router.get("/v1/users/{userId}/ranking", dependencies=[OWNER], responses=problems(403))
async def ranking(
    request: Request, user_id: Annotated[UserId, Path(alias="userId")], query: Annotated[RankingQuery, Query()]
) -> Ranking:
    """Given products in the order of a user's taste, or as they were given: for services that have others to show."""
    recommender: Recommender = request.app.state.recommender
    ranked = recommender.by_taste(user_id, query.product_ids)
    return Ranking(product_ids=query.product_ids if ranked is None else ranked, is_personalised=ranked is not None)


@router.post("/v1/pages", response_model=Page, responses=problems(403))
async def page(request: Request, caller: Caller, wish: PageRequest) -> Response:
    """All shelves of a page in one call, no product twice: live shelves under what merchandisers pinned or hid."""
    user_id = wish.user_id or _self(caller)
    state = request.app.state
    merchandising: Merchandising = state.merchandising
    recommender: Recommender = state.recommender
    has_own = user_id is not None and recommender.live.people.has_own_shelves(user_id)
    said = await merchandising.ask(user_id if has_own else None)
    displays = said or merchandising.everyones
    exclude = recommender.product_ids(wish.exclude_ids)
    document = pages.page(recommender, displays, user_id, exclude, recommender.now(), is_content_away=said is None)
    return Response(orjson.dumps(document), media_type="application/json")


@router.post("/v1/feedback", status_code=202, responses=problems(403))
async def feedback(request: Request, caller: Caller, report: Feedback) -> FeedbackTaken:
    """Report what was seen or clicked of an answer; never makes the shopper wait for the broker."""
    user_id = report.user_id or _self(caller)
    if user_id is None:
        raise Unauthorized("Whose feedback it is needs a user's token or a userId.")
    messages = reports.messages_of(reports.identified(report, request.app.state.recommender), user_id)
    accepted = request.app.state.feedback.take(user_id, messages)
    return FeedbackTaken(accepted=accepted, degraded=accepted < len(messages))


@router.get("/v1/models", dependencies=[role("operator", "admin")])
async def models(request: Request) -> ModelStatus:
    """Which bundle answers, which one should, and why one was refused."""
    recommender: Recommender = request.app.state.recommender
    return ModelStatus.model_validate(recommender.status())


def _self(caller: Principal | None) -> str | None:
    """The calling user or visitor."""
    return caller.subject if caller and not caller.is_service else None


def _seen(request: Request) -> str:
    """The caller's ETag."""
    return request.headers.get("if-none-match", "")
