"""The preview's identity: it views as a shopper, or as a visitor, with a short-lived token of the development key.

It signs in as any user without a login, and only if `GATEWAY_PREVIEW_LOGIN` is set, as in the demo.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Request, Response

from services.common.identity.ownership import is_visitor, new_visitor_id
from services.common.identity.policy import PUBLIC
from services.common.identity.principal import Principal
from services.common.runtime.errors import NotFound, problems
from services.common.web.fields import Schema, UserId
from services.common.web.routing import Router
from services.contracts.signing import Signer
from services.gateway.edge import COOKIE
from services.gateway.rate_limit import LIMITED
from services.gateway.settings import GatewaySettings

router = Router(tags=["preview"])


class PreviewOff(NotFound):
    """This gateway signs no tokens."""

    title = "Preview is off"


class NewSession(Schema):
    """Whom to view as: a shopper, a known visitor (`anon:…`), or, without an id, a new visitor."""

    user_id: UserId | None = None


class Session(Schema):
    """The preview's current user, and the expiry."""

    user_id: str
    expires_at: datetime


class Preview(Schema):
    """The preview's current user, if any, and example shoppers."""

    user_id: str | None
    shoppers: tuple[str, ...]


@router.get("/preview/session", dependencies=[LIMITED], responses=problems(404))
async def current(request: Request, caller: Annotated[Principal | None, PUBLIC]) -> Preview:
    """The preview's current user."""
    settings = _settings(request)
    user_id = caller.subject if caller and not caller.is_service else None
    return Preview(user_id=user_id, shoppers=settings.preview_shoppers)


@router.post("/preview/session", dependencies=[PUBLIC, LIMITED], responses=problems(404))
async def begin(request: Request, response: Response, wish: NewSession) -> Session:
    """View as a user: sets a cookie with a short-lived access token, which scripts cannot read."""
    settings = _settings(request)
    user_id = wish.user_id or new_visitor_id()
    signer: Signer = request.app.state.signer
    sign = signer.visitor_token if is_visitor(user_id) else signer.user_token
    token = sign(user_id, lifetime=settings.session_seconds)
    response.set_cookie(
        COOKIE,
        token,
        max_age=settings.session_seconds,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return Session(user_id=user_id, expires_at=datetime.now(UTC) + timedelta(seconds=settings.session_seconds))


def _settings(request: Request) -> GatewaySettings:
    settings: GatewaySettings = request.app.state.settings
    if request.app.state.signer is None:
        raise PreviewOff("The preview needs GATEWAY_PREVIEW_LOGIN and a development key.")
    return settings
