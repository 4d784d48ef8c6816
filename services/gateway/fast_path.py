"""The fast path of forwarding: clearly valid requests without a body go on before the framework looks at them.

The framework takes longer to find the route and to resolve what it needs than the gateway to forward a request. So GET
requests for a public path of the table, by a caller who is known already, are forwarded here. All others use the route:
only it refuses tokens, reads bodies and keeps a caller's deadline. No route of the gateway's own is on such a path.
"""

import re
from collections.abc import Sequence
from typing import Final

from fastapi import Request
from fastapi.responses import Response
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from services.common.identity.principal import Principal
from services.common.identity.tokens import Verifier
from services.common.runtime.deadline import DEADLINE_HEADER
from services.common.runtime.errors import Problem
from services.common.web.error_handlers import CLIENT_CLOSED_REQUEST
from services.common.web.fast_path import attribute
from services.common.web.limits import ANNOUNCES_A_BODY
from services.gateway.rate_limit import limit
from services.gateway.routing import ForwardingRoute

FOR_THE_ROUTE: Final = ANNOUNCES_A_BODY | {DEADLINE_HEADER.encode()}
"""Headers of requests that need the route."""
NAMES: Final = re.compile(r"\(\?P<\w+>")


class ForwardingFastPath:
    """Forwards in place of the `ForwardingRoute`s among `routes`."""

    def __init__(self, app: ASGIApp, routes: Sequence[BaseRoute]) -> None:
        self._app = app
        self._routes = [route for route in routes if isinstance(route, ForwardingRoute)]
        patterns = (NAMES.sub("(?:", route.path_regex.pattern) for route in self._routes)
        self._any = re.compile("|".join(f"({pattern})" for pattern in patterns))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward, or pass the request on."""
        found = self._find(scope) if scope["type"] == "http" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        route, caller = found
        attribute(scope, route)
        request = Request(scope, receive)
        try:
            await limit(request, caller)
            response = await route.endpoint(request)
        except Problem as problem:
            response = problem.response()
        except ClientDisconnect:
            response = Response(status_code=CLIENT_CLOSED_REQUEST)
        await response(scope, receive, send)

    def _find(self, scope: Scope) -> tuple[ForwardingRoute, Principal | None] | None:
        """The route of a clearly valid request, and its caller."""
        found = self._any.match(scope["path"])
        if found is None or found.lastindex is None or scope["method"] != "GET" or scope["root_path"]:
            return None
        verifier: Verifier = scope["app"].state.verifier
        caller, is_known = verifier.known_caller(scope["headers"])
        route = self._routes[found.lastindex - 1]
        needs_route = any(name in FOR_THE_ROUTE for name, _ in scope["headers"])
        is_clear = is_known and route.policy.is_public and not needs_route
        return (route, caller) if is_clear else None
