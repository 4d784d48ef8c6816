"""`GET /v1/top-page`: the page that serving composed, and nothing else; content's shelves while serving is away."""

import json
import logging
import uuid
from typing import Annotated, Any

from fastapi import Query, Request
from fastapi.responses import Response

from services.common.auth import Principal, Signer
from services.common.errors import Forbidden, Unauthorized, Unavailable, problems
from services.common.http import ServiceClient
from services.common.policy import PUBLIC
from services.common.routing import Router
from services.common.schemas import UserId
from services.gateway.rate_limit import LIMITED
from services.gateway.schemas import TopPage
from services.gateway.session import VISITOR

logger = logging.getLogger(__name__)
router = Router(tags=["top page"])
OK = 200


@router.get("/v1/top-page", dependencies=[LIMITED], response_model=TopPage, responses=problems(403))
async def top_page(
    request: Request,
    caller: Annotated[Principal | None, PUBLIC],
    user_id: Annotated[UserId | None, Query(alias="userId")] = None,
) -> Response:
    """The six shelves for one shopper: the caller, or the visitor `userId` (`anon:…`); a new visitor without either.

    It always answers: `degraded` is true when the shelves are older than the last click, or missing.
    """
    shopper = _shopper(caller, user_id)
    headers = _authorization(request, caller, shopper)
    serving: ServiceClient = request.app.state.serving
    content: ServiceClient = request.app.state.content
    page = await _ask(serving, "POST", "/v1/pages", headers, json={"userId": shopper})
    if page is None:
        page = _without_serving(
            shopper, await _ask(content, "GET", "/v1/displays", headers, params={"userId": shopper})
        )
    return Response(json.dumps(page, separators=(",", ":")), media_type="application/json")


def _without_serving(shopper: str, displays: dict[str, Any] | None) -> dict[str, Any]:
    """The page as content's active generation has it, or without shelves when content is away too."""
    known = displays or {"generation": None, "shelves": []}
    return {
        "recommendationId": None,
        "modelVersion": None,
        "rulesVersion": None,
        "generation": known["generation"],
        "degraded": True,
        "fallbackUsed": True,
        "warnings": ["serving is away", *([] if displays else ["content is away"])],
        "userId": shopper,
        "shelves": known["shelves"],
    }


async def _ask(
    client: ServiceClient,
    method: str,
    path: str,
    headers: dict[str, str],
    **options: Any,  # noqa: ANN401 - httpx2's own: json, params
) -> dict[str, Any] | None:
    """The answer of a service, or None when it has none: a page with fewer shelves is better than an error."""
    try:
        answer = await client.request(method, path, headers=headers, **options)
        if answer.status_code == OK:
            return dict(answer.json())
        logger.warning("%s answered the top page with %s", client.name, answer.status_code)
    except (Unavailable, ValueError) as error:
        logger.warning("the top page goes on without %s: %s", client.name, type(error).__name__)
    return None


def _shopper(caller: Principal | None, user_id: str | None) -> str:
    """Whose page it is.

    Raises:
        Unauthorized: a customer's page without a token.
        Forbidden: another customer's page.
    """
    is_visitor = user_id is not None and user_id.startswith(VISITOR)
    if caller is None:
        if user_id is not None and not is_visitor:
            raise Unauthorized("A customer's page needs the customer's token.")
        return user_id or f"{VISITOR}{uuid.uuid4()}"
    if user_id is None:
        return caller.subject
    if not (caller.is_service or is_visitor or user_id == caller.subject):
        raise Forbidden("This is another customer's page.")
    return user_id


def _authorization(request: Request, caller: Principal | None, shopper: str) -> dict[str, str]:
    """The caller's own token for its own page; the gateway's for a visitor's."""
    signer: Signer | None = request.app.state.signer
    if caller is not None and (caller.is_service or caller.subject == shopper):
        return {"authorization": request.headers["authorization"]}
    return {"authorization": f"Bearer {signer.service_token('gateway')}"} if signer else {}
