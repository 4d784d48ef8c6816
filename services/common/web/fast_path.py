"""A fast path: a middleware that answers clearly valid requests for one route before the framework validates them.

    class CollectorFastPath(FastPath):
        method, path = "POST", "/v1/actions"

        async def answer(self, scope: Scope, body: Body) -> Response | None: ...

    build_app(..., fast_path=partial(CollectorFastPath, routes=router.routes))

`caller` is who calls, if the route's policy admits them. A request without a response here goes to the route, with the
body that was read: only the route reports errors. A test must compare the two responses.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from fastapi.responses import Response
from fastapi.routing import APIRoute
from opentelemetry import trace
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.common.identity.policy import policy_of
from services.common.identity.principal import Principal
from services.common.identity.tokens import Verifier
from services.common.runtime.errors import Problem


class Body:
    """The body of a request, which can be read here and again by the route: an ASGI `receive`."""

    __slots__ = ("_receive", "_received")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._received: list[Message] = []

    async def read(self, most: int) -> bytes | None:
        """The whole body; None if it is larger, or if the client disconnects before its end."""
        size = 0
        while size <= most:
            message = await self._receive()
            self._received.append(message)
            if message["type"] != "http.request":
                return None
            size += len(message.get("body", b""))
            if not message.get("more_body", False):
                break
        return b"".join([message.get("body", b"") for message in self._received]) if size <= most else None

    async def __call__(self) -> Message:
        """The next message: first those that were read, then new ones."""
        return self._received.pop(0) if self._received else await self._receive()


class FastPath(ABC):
    """Answers in place of the route of `path` in `routes`."""

    method: ClassVar[str]
    path: ClassVar[str]

    def __init__(self, app: ASGIApp, routes: Sequence[BaseRoute]) -> None:
        self._app = app
        self._route = next(each for each in routes if isinstance(each, APIRoute) and each.path == self.path)
        self._policy = policy_of(self._route.dependant)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond, or pass the request on."""
        if scope["type"] != "http" or scope["method"] != self.method or scope["root_path"]:
            await self._app(scope, receive, send)
            return
        body = Body(receive)
        try:
            response = await self.answer(scope, body)
        except Problem as problem:
            response = problem.response()
        except Exception:
            attribute(scope, self._route)
            raise
        if response is None:
            await self._app(scope, body, send)
            return
        attribute(scope, self._route)
        await response(scope, receive, send)

    @abstractmethod
    async def answer(self, scope: Scope, body: Body) -> Response | None:
        """The response, or None for a request that must use the route; raising a `Problem` is a response too."""

    def caller(self, scope: Scope, owner: str | None = None) -> Principal | None:
        """Who calls, if that is known from an earlier request and the route's policy admits it.

        Args:
            scope: the request.
            owner: whom the request names as the owner.
        """
        verifier: Verifier = scope["app"].state.verifier
        caller, _ = verifier.known_caller(scope["headers"])
        if caller is None or self._policy is None or not self._policy.permits(caller, owner, self.method):
            return None
        return caller


def attribute(scope: Scope, route: APIRoute) -> None:
    """Make metrics and traces attribute the request to the route."""
    scope["route"] = route
    span = trace.get_current_span()
    if span.is_recording():
        span.update_name(f"{scope['method']} {route.path}")
        span.set_attribute("http.route", route.path)
