"""Registration, login, refresh and logout."""

from typing import Annotated, Any

import httpx2
from fastapi import Response

from services.auth import service, sessions
from services.auth.client import Network, VisitorId
from services.auth.parts import PartsOf
from services.auth.schemas import Confirmation, Credentials, KeysOut, Refresh, TokensOut
from services.auth.sessions import SessionEnded
from services.common.identity.jwks import read_document
from services.common.identity.policy import PUBLIC, USER
from services.common.identity.tokens import Principal
from services.common.runtime.errors import Unavailable, problems
from services.common.storage.database import Session
from services.common.web.routing import Router

router = Router(tags=["sessions"])
NO_STORE = {"Cache-Control": "no-store"}
LIMITED: dict[str, Any] = {"responses": problems(429)}


@router.post("/v1/auth/registrations", status_code=202, dependencies=[PUBLIC], **LIMITED)
async def register(body: Credentials, parts: PartsOf, session: Session, network: Network) -> None:
    """Ask for an account. The address gets a mail with a code; the answer does not say whether it was known."""
    await service.register(parts, session, body.email, body.password, network)


@router.post("/v1/auth/registrations/confirm", status_code=204, dependencies=[PUBLIC], responses=problems(403, 429))
async def confirm_registration(body: Confirmation, parts: PartsOf, session: Session, network: Network) -> None:
    """Confirm an address by its code: the user can log in."""
    await service.confirm(parts, session, body.email, body.code, network)


@router.post("/v1/auth/sessions", status_code=201, dependencies=[PUBLIC], responses=problems(403, 429))
async def log_in(
    body: Credentials, parts: PartsOf, session: Session, response: Response, network: Network, visitor_id: VisitorId
) -> TokensOut:
    """Log in. `X-Visitor-Token` names the visitor who does."""
    response.headers.update(NO_STORE)
    return await service.log_in(parts, session, body.email, body.password, network=network, visitor_id=visitor_id)


@router.post("/v1/auth/sessions/refresh", dependencies=[PUBLIC])
async def refresh(body: Refresh, parts: PartsOf, session: Session, response: Response) -> TokensOut:
    """New tokens for a refresh token, which is used up.

    For 10 seconds it may be sent again, and gives the same new refresh token: two tabs may refresh at once. After that,
    sending it again ends the session.
    """
    response.headers.update(NO_STORE)
    tokens = await sessions.refresh(parts, session, body.refresh_token)
    return tokens.response() if isinstance(tokens, SessionEnded) else tokens  # type: ignore[return-value]


@router.delete("/v1/auth/sessions/current", status_code=204)
async def log_out(caller: Annotated[Principal, USER], session: Session) -> None:
    """Log out: the session's refresh token ends, and its access tokens are refused within seconds."""
    await service.log_out(session, caller.subject, caller.session_id)


@router.get("/v1/auth/keys", dependencies=[PUBLIC])
async def published_keys(parts: PartsOf) -> KeysOut:
    """The keys by which tokens are verified (JWKS), and what each may sign."""
    try:
        document = await read_document(parts.settings.auth_jwks_url)
        return KeysOut.model_validate({"keys": document["keys"]})
    except (OSError, ValueError, KeyError, TypeError, httpx2.HTTPError) as error:
        raise Unavailable("The keys cannot be read at the moment.") from error
