"""Visitors: who has not logged in has a token, too, so that nobody can speak for another visitor."""

import time

from fastapi import Request
from starlette.responses import Response

from services.common.identity.ownership import new_visitor_id
from services.common.identity.policy import PUBLIC
from services.common.identity.principal import Principal
from services.common.identity.tokens import Verifier
from services.common.runtime.errors import Unauthorized, Unavailable, problems
from services.common.web.routing import Router
from services.contracts.signing import LONGEST_SECONDS, VISITOR_USE, Signer
from services.gateway import cookies
from services.gateway.rate_limit import LIMITED, limit
from services.gateway.schemas_session import NewVisitor

router = Router(tags=["visitors"], responses=problems(429))
SECONDS = LONGEST_SECONDS[VISITOR_USE]


@router.post("/v1/visitors", status_code=201, dependencies=[PUBLIC, LIMITED])
async def make_visitor(request: Request, response: Response) -> NewVisitor:
    """A new visitor, for an app. Browsers get theirs in a cookie."""
    response.headers["Cache-Control"] = "no-store"
    visitor_id = new_visitor_id()
    return NewVisitor(visitor_id=visitor_id, token=_token(request, visitor_id), expires_in=SECONDS)


def begin(request: Request, response: Response) -> Principal:
    """Make the browser a new visitor."""
    visitor_id = new_visitor_id()
    cookies.put(request, response, cookies.VISITOR, _token(request, visitor_id), SECONDS)
    return Principal("visitor", visitor_id, expires_at=time.time() + SECONDS)


async def ensure(request: Request, response: Response) -> None:
    """Make the browser a visitor, unless it is one; while tokens cannot be verified it stays what it is."""
    if cookies.is_from_elsewhere(request):  # it may be one: the page's script asks at /session, with the cookies
        return
    try:
        known = await verified(request, cookies.VISITOR)
    except Unavailable:
        return
    if known is None:
        await limit(request, None)  # signing takes a while
        begin(request, response)


async def verified(request: Request, name: str) -> Principal | None:
    """Whom a cookie stands for; None if there is none, or its token is not valid.

    Raises:
        Unavailable: tokens cannot be verified.
    """
    verifier: Verifier = request.app.state.verifier
    token = request.cookies.get(name)
    try:
        return await verifier.verify(token) if token else None
    except Unauthorized:
        return None


async def valid_token(request: Request, name: str) -> str | None:
    """The token in a cookie, unless it is not valid; raises as `verified`."""
    return None if await verified(request, name) is None else request.cookies[name]


def _token(request: Request, visitor_id: str) -> str:
    signer: Signer = request.app.state.signer
    return signer.visitor_token(visitor_id)
