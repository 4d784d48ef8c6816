"""`GET /v1/top-page`: the page that serving composed; content's shelves while serving is unavailable."""

import logging
from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import Response

from services.common.identity.policy import owner
from services.common.identity.principal import Principal
from services.common.runtime.answers import CallFailedError
from services.common.runtime.errors import problems
from services.common.runtime.http_client import ServiceClient
from services.common.web.fields import UserId
from services.common.web.routing import Router
from services.gateway.rate_limit import LIMITED
from services.gateway.schemas import Displays, TopPage

logger = logging.getLogger(__name__)
router = Router(tags=["top page"], responses=problems(429))


@router.get("/v1/top-page", dependencies=[LIMITED], response_model=TopPage, responses=problems(403))
async def top_page(
    request: Request,
    caller: Annotated[Principal | None, owner(place="query")],
    user_id: Annotated[UserId | None, Query(alias="userId")] = None,
) -> Response:
    """The six shelves for the caller, a user or a visitor; without a token those for everyone.

    It always responds: `degraded` is true when the shelves are older than the last click, or missing.
    """
    shopper = user_id or (caller.subject if caller and not caller.is_service else None)
    authorization = {"authorization": request.headers["authorization"].strip()} if caller else {}
    page = await _page(request, shopper, authorization)
    return Response(page.model_dump_json(by_alias=True, exclude_unset=True), media_type="application/json")


async def _page(request: Request, shopper: str | None, headers: dict[str, str]) -> TopPage:
    """Serving's page, or content's active generation, or no shelves: fewer are better than an error."""
    serving: ServiceClient = request.app.state.serving
    content: ServiceClient = request.app.state.content
    named = {"userId": shopper} if shopper else {}
    try:
        return await serving.read(TopPage, "POST", "/v1/pages", headers=headers, json=named)
    except CallFailedError as error:
        logger.warning("the top page is built without serving: %s", error)
        warnings = ["serving is unavailable"]
    try:
        displays = await content.read(Displays, "GET", "/v1/displays", headers=headers, params=named)
    except CallFailedError as error:
        logger.warning("the top page is built without content: %s", error)
        warnings.append("content is unavailable")
        displays = Displays(generation=None, shelves=[])
    return TopPage(
        recommendation_id=None,
        model_version=None,
        rules_version=None,
        generation=displays.generation,
        degraded=True,
        fallback_used=True,
        warnings=warnings,
        user_id=shopper,
        shelves=displays.shelves,
    )
