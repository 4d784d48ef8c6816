"""The first step of every request: refuse it or assign an id, and turn the browser's cookie into a token."""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

import uuid_utils
from prometheus_client import Counter
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.common.runtime.errors import Unavailable, problem_response
from services.gateway import cookies
from services.gateway.shedding import share_of

REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}")
NOTHING = "default-src 'none'; frame-ancestors 'none'"
"""The content security policy of responses that are not our pages, in case a browser renders them."""
API = "/v1/"
"""Only these paths know callers: an outdated cookie must not keep a picture from a page."""
PROBES = "/health/"
"""Paths that the orchestrator may request under any host, however much there is to do."""
SHED = Counter("tanawari_requests_shed", "Requests refused because too many waited for an answer.", ["share"])


class EdgeMiddleware:
    """Sets `request.state.request_id`, returns it, and turns a cookie into an Authorization header.

    A request for a host that is not in `hosts` (`*` is a wildcard) is refused: another site's name may point here. So
    is one that comes while its share of `most` requests waits for an answer.
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[str], most: int) -> None:
        self._app, self._hosts, self._most = app, hosts, most
        self._unanswered: set[int] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        given = request.headers.get("x-request-id", "")
        request_id = given if REQUEST_ID.fullmatch(given) else str(uuid_utils.uuid7())
        request.state.request_id = request_id
        token = cookies.token_of(request) if scope["path"].startswith(API) else None
        if token and "authorization" not in request.headers and cookies.is_from_our_page(request):
            scope["headers"] = [*scope["headers"], (b"authorization", b"Bearer " + token.encode("latin-1"))]

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._unanswered.discard(id(scope))  # who does not read an answer holds a connection, and nothing else
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("Content-Security-Policy", NOTHING)
            await send(message)

        if (refusal := self._refusal(request)) is not None:
            await refusal(scope, receive, answer)
            return
        self._unanswered.add(id(scope))
        try:
            await self._app(scope, receive, answer)
        finally:
            self._unanswered.discard(id(scope))

    def _refusal(self, request: Request) -> Response | None:
        host, path = request.url.hostname or "", request.scope["path"]
        if path.startswith(PROBES):
            return None
        if not any(fnmatchcase(host, each) for each in self._hosts):
            return problem_response(421, "Misdirected request", "misdirected-request", "No such shop is here.")
        share = share_of(request.method, path)
        if len(self._unanswered) < self._most * share:
            return None
        SHED.labels(share.name.lower()).inc()
        return Unavailable("The shop has too much to do: try again in a moment.").response()
