"""What happens to every request first: it gets its id, and the preview's session cookie becomes a bearer token."""

import re

import uuid_utils
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "tanawari_session"
REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}")
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


class EdgeMiddleware:
    """Sets `request.state.request_id`, answers with it, and turns the cookie into an Authorization header."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        given = request.headers.get("x-request-id", "")
        request_id = given if REQUEST_ID.fullmatch(given) else str(uuid_utils.uuid7())
        request.state.request_id = request_id
        token = request.cookies.get(COOKIE)
        if token and "authorization" not in request.headers and _is_from_our_page(request):
            scope["headers"] = [*scope["headers"], (b"authorization", b"Bearer " + token.encode("latin-1"))]

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                headers.setdefault("X-Content-Type-Options", "nosniff")
            await send(message)

        await self._app(scope, receive, answer)


def _is_from_our_page(request: Request) -> bool:
    """SameSite does not part two ports of one host, as the demo's tools have: the browser's own word does."""
    return request.method in SAFE_METHODS or request.headers.get("sec-fetch-site", "same-origin") == "same-origin"
