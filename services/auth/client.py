"""Who asks: the network address that attempts are counted by, and the visitor who logs in."""

from typing import Annotated

from fastapi import Depends, Header, Request

from services.common.identity.tokens import Verifier
from services.common.runtime.errors import Unauthorized, Unavailable
from services.common.web.addresses import client_network


def _network(request: Request) -> str:
    return client_network(request.client.host) if request.client else "unknown"


Network = Annotated[str, Depends(_network)]
"""The caller's address, or the /64 of an IPv6 one."""


async def _visitor(
    request: Request, token: Annotated[str | None, Header(alias="X-Visitor-Token")] = None
) -> str | None:
    """The visitor of a token that verifies; another one does not keep anybody from logging in."""
    verifier: Verifier = request.app.state.verifier
    try:
        principal = await verifier.verify(token) if token else None
    except (Unauthorized, Unavailable):
        return None
    return principal.subject if principal and principal.is_visitor else None


VisitorId = Annotated[str | None, Depends(_visitor)]
"""The visitor who logs in, by the header `X-Visitor-Token`."""
