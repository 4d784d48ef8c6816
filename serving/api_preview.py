"""The preview: the page of a shopper as it is now, or will be, for merchandisers."""

import logging
from typing import Annotated, Any

import orjson
from fastapi import Query, Request
from fastapi.responses import Response

from services.common.identity.policy import role
from services.common.identity.principal import Principal
from services.common.runtime.errors import Fault, Unprocessable
from services.common.web.fields import Timestamp, UserId
from services.common.web.routing import Router
from serving import pages
from serving.displays import Displays
from serving.merchandising import Merchandising
from serving.recommender import Recommender
from serving.schemas_preview import Preview

logger = logging.getLogger(__name__)
router = Router(tags=["preview"])
Merchandiser = Annotated[Principal, role("merchandiser", "admin")]


@router.get("/v1/preview", response_model=Preview)
async def preview(
    request: Request,
    caller: Merchandiser,
    user_id: Annotated[UserId | None, Query(alias="userId")] = None,
    at: Timestamp | None = None,
) -> Response:
    """The page of a user or visitor, or without `userId` that for everyone, now or at a later time.

    It is composed as the shopper's own page, of what is known now: the model, what the shopper did, stock and prices
    with their dates, and what merchandisers have planned for that time. Without content that is missing (`degraded`).
    """
    merchandising: Merchandising = request.app.state.merchandising
    recommender: Recommender = request.app.state.recommender
    now = recommender.now()
    moment = now if at is None else at.astimezone(now.tzinfo)
    if moment < now:
        raise Unprocessable(errors=[Fault(field="query.at", message="lies in the past")])
    if user_id is not None:  # it tells what this person bought and looked at
        logger.info("%s sees the page of %s", caller.scope, user_id)
    has_own = user_id is not None and recommender.live.people.has_own_shelves(user_id)
    plan = await merchandising.plan(user_id if has_own else None, request.headers["authorization"], at)
    displays = Displays.of(plan) if plan else merchandising.everyones
    page = pages.page(recommender, displays, user_id, (), moment, is_content_away=plan is None)
    planned: dict[str, Any] = {"hidden": [], "banners": [], "campaigns": []}
    if plan is not None:
        planned = {"hidden": plan.hidden_by, "banners": plan.banners, "campaigns": plan.campaigns}
    known = None if user_id is None else recommender.knows(user_id)
    return Response(orjson.dumps({**page, "at": moment, "isKnown": known, **planned}), media_type="application/json")
