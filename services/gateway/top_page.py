"""`GET /v1/top-page`: the page that serving composed; content's shelves while serving is unavailable."""

import logging
from typing import Annotated, Any, TypeVar

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
Answer = TypeVar("Answer")


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
    headers = {"authorization": request.headers["authorization"].strip()} if caller else {}
    serving: ServiceClient = request.app.state.serving
    content: ServiceClient = request.app.state.content
    named = {"userId": shopper} if shopper else {}
    page = await _ask(TopPage, serving, "POST", "/v1/pages", headers, json=named)
    if page is None:
        page = _without_serving(shopper, await _ask(Displays, content, "GET", "/v1/displays", headers, params=named))
    return Response(
        page.model_dump_json(by_alias=True),
        media_type="application/json",
        headers={"Cache-Control": "private, no-store"},
    )


def _without_serving(shopper: str | None, displays: Displays | None) -> TopPage:
    """The page from content's active generation, or without shelves when content is unavailable too."""
    return TopPage(
        recommendation_id=None,
        model_version=None,
        rules_version=None,
        generation=displays.generation if displays else None,
        degraded=True,
        fallback_used=True,
        warnings=["serving is unavailable", *([] if displays else ["content is unavailable"])],
        user_id=shopper,
        shelves=displays.shelves if displays else [],
    )


async def _ask(
    shape: type[Answer],
    client: ServiceClient,
    method: str,
    path: str,
    headers: dict[str, str],
    **options: Any,  # noqa: ANN401 - httpx2's own: json, params
) -> Answer | None:
    """The response of a service, or None: a page with fewer shelves is better than an error."""
    try:
        return await client.read(shape, method, path, headers=headers, **options)
    except CallFailedError as error:
        logger.warning("the top page is built without %s: %s", client.name, error)
        return None
