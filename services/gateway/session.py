"""The browser's session: logging in and out by cookies that no script can read. The answers have no token."""

import logging
import time
from typing import Annotated

from fastapi import Depends, Request, Response

from services.common.identity.policy import PUBLIC
from services.common.identity.principal import Principal
from services.common.identity.tokens import Verifier
from services.common.runtime.errors import Problem, Unauthorized, problems
from services.common.web.routing import Router
from services.gateway import cookies, visitors
from services.gateway.accounts import Accounts, LoginUnavailable, Refusal
from services.gateway.rate_limit import LIMITED
from services.gateway.schemas_session import Login, Preview, SessionOut, Tokens
from services.gateway.settings import GatewaySettings

logger = logging.getLogger(__name__)
router = Router(
    prefix="/session",
    tags=["session"],
    dependencies=[PUBLIC, LIMITED, cookies.OUR_PAGE],
    responses=problems(403, 429),
)
ENDED = frozenset({401, 422})
"""What auth answers to a refresh token that is none any more, or never was one."""


class NoSession(Unauthorized):
    """The browser has no session that could be renewed."""

    title = "No session"


def _accounts(request: Request) -> Accounts:
    accounts: Accounts = request.app.state.accounts
    return accounts


AccountsOf = Annotated[Accounts, Depends(_accounts)]


@router.get("")
async def read_session(request: Request, response: Response) -> SessionOut:
    """Whom the browser stands for; a browser without a valid cookie becomes a new visitor."""
    return await current(request, response)


@router.post("", responses=problems(401))
async def log_in(request: Request, response: Response, body: Login, accounts: AccountsOf) -> SessionOut:
    """Log in. What the browser's visitor did since the previous login is the user's from now on."""
    tokens = await accounts.log_in(request, body, await visitors.valid_token(request, cookies.VISITOR))
    await _end_at_auth(request, accounts)  # who was logged in before, or another tab's renewal would bring back
    cookies.drop(request, response, cookies.VIEW)
    return await _keep(request, response, tokens)


@router.post("/refresh", response_model=SessionOut, responses=problems(401))
async def refresh(request: Request, response: Response, accounts: AccountsOf) -> SessionOut | Response:
    """Renew the session. One that has ended is removed with its cookies, and a new visitor begins."""
    token = request.cookies.get(cookies.REFRESH)
    if not token:
        raise NoSession("Log in again.")
    try:
        tokens = await accounts.refresh(request, token)
    except Refusal as refusal:
        ended = refusal.response()
        if ended.status_code in ENDED:
            _end(request, ended)
        return ended
    return await _keep(request, response, tokens)


@router.delete("")
async def log_out(request: Request, response: Response, accounts: AccountsOf) -> SessionOut:
    """Log out, and begin a new visitor: the next person at this browser inherits nothing.

    While auth is away the cookies are removed all the same: then nobody has the session's tokens any more.
    """
    await _end_at_auth(request, accounts)
    return described(request, _end(request, response))


async def current(request: Request, response: Response, names: tuple[str, ...] = cookies.IDENTITIES) -> SessionOut:
    """Whom the first valid one of these cookies stands for; those that are not valid are removed."""
    can_refresh = cookies.REFRESH in request.cookies
    for name in names:
        if (known := await visitors.verified(request, name)) is not None:
            return described(request, known, can_refresh=can_refresh)
        if name in request.cookies:
            cookies.drop(request, response, name)
    return described(request, visitors.begin(request, response), can_refresh=can_refresh)


async def user_of(request: Request, access_token: str) -> Principal:
    """Whom a token that auth has just given stands for.

    Raises:
        LoginUnavailable: it is not valid.
    """
    verifier: Verifier = request.app.state.verifier
    try:
        return await verifier.verify(access_token)
    except Unauthorized as error:
        raise LoginUnavailable from error


def described(request: Request, who: Principal, *, can_refresh: bool = False) -> SessionOut:
    """The answer about whom the browser stands for."""
    settings: GatewaySettings = request.app.state.settings
    return SessionOut(
        kind="visitor" if who.is_visitor else "user",
        user_id=who.subject,
        roles=sorted(who.roles),
        expires_in=max(0, int(who.expires_at - time.time())),
        is_view=who.actor is not None,
        can_refresh=can_refresh,
        preview=Preview(shoppers=settings.preview_shoppers) if settings.preview_login else None,
    )


async def _keep(request: Request, response: Response, tokens: Tokens) -> SessionOut:
    user = await user_of(request, tokens.access_token)
    cookies.put(request, response, cookies.SESSION, tokens.access_token, tokens.expires_in)
    cookies.put(request, response, cookies.REFRESH, tokens.refresh_token, tokens.refresh_expires_in)
    return described(request, user, can_refresh=True)


def _end(request: Request, response: Response) -> Principal:
    cookies.drop(request, response, cookies.VIEW, cookies.SESSION, cookies.REFRESH)
    return visitors.begin(request, response)


async def _end_at_auth(request: Request, accounts: Accounts) -> None:
    """End the browser's session: of the access token, or, when that is not valid any more, of the refresh token."""
    refresh_token = request.cookies.get(cookies.REFRESH)
    try:
        token = await visitors.valid_token(request, cookies.SESSION)
        if token is None and refresh_token:
            token = (await accounts.refresh(request, refresh_token)).access_token
        if token:
            await accounts.log_out(request, token)
    except Problem as error:
        logger.warning("a session was left to end by itself: %s", type(error).__name__)
