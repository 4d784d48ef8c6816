"""The fast path of the collector: `POST /v1/actions`, where the request is plainly in order.

To find out that it is takes the framework and the models longer than all the rest. So what the structs of `structs` can
read, from a caller who is known, is answered here, by the function that answers the route of the same path. All else
goes the long way, through that route, which alone says what is wrong with a request.
"""

import re
from collections.abc import Sequence
from typing import Final

from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.analytics import structs
from services.analytics.api import PATH, answer
from services.analytics.collector import Sender
from services.common.identity.tokens import Verifier
from services.common.runtime.errors import Problem
from services.common.web.routing import route_of, stand_for

LARGEST: Final = 1024 * 1024
"""A larger body goes the long way, which has its own limit."""
KEY: Final = re.compile(rb"[!-~]{1,200}")


class FastPath:
    """Middleware that answers what is plainly in order; it stands for the route of `PATH` among `routes`."""

    def __init__(self, app: ASGIApp, routes: list[BaseRoute]) -> None:
        self._app = app
        self._route = route_of(routes, PATH)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on with all that came of it."""
        sender = _sender(scope) if scope["type"] == "http" else None
        if sender is None:
            await self._app(scope, receive, send)
            return
        received = await _received(receive)
        body = b"".join([message.get("body", b"") for message in received])
        is_whole = _is_last(received[-1]) and len(body) <= LARGEST
        batch = structs.read(body) if is_whole else None
        if batch is None:
            await self._app(scope, _again(received, receive), send)
            return
        stand_for(scope, self._route)
        try:
            response = await answer(scope["app"].state, sender, batch)
        except Problem as problem:
            response = problem.response()
        await response(scope, receive, send)


def _sender(scope: Scope) -> Sender | None:
    """Who sends a batch; None for another request, and for what must go the long way."""
    if scope["path"] != PATH or scope["method"] != "POST" or scope["root_path"] or scope["query_string"]:
        return None
    headers = dict(scope["headers"])
    media_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if len(headers) < len(scope["headers"]) or media_type != b"application/json":
        return None
    key = headers.get(b"idempotency-key")
    if key is not None and not KEY.fullmatch(key):
        return None
    principal = None
    if (authorization := headers.get(b"authorization")) is not None:
        verifier: Verifier = scope["app"].state.verifier
        principal = verifier.known_bearer(authorization)
        if principal is None:
            return None
    agent = headers.get(b"user-agent", b"").decode("latin-1")
    return Sender(principal, agent, None if key is None else key.decode())


async def _received(receive: Receive) -> list[Message]:
    """What comes until the body's end, until it is too large, or until the client hangs up."""
    messages: list[Message] = []
    size = 0
    while size <= LARGEST:
        message = await receive()
        messages.append(message)
        size += len(message.get("body", b""))
        if message["type"] != "http.request" or _is_last(message):
            break
    return messages


def _is_last(message: Message) -> bool:
    return message["type"] == "http.request" and not message.get("more_body", False)


def _again(received: Sequence[Message], receive: Receive) -> Receive:
    """Gives what was received once more, and then what comes."""
    messages = iter(received)

    async def again() -> Message:
        message = next(messages, None)
        return await receive() if message is None else message

    return again
