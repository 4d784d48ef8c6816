"""Limits on bodies: the application sees a request when its body has arrived; a too large one gets a problem document.

The limit itself is Starlette's: `max_body_bytes` of `build_app`, and `max_body_size=` of a single route over it.
"""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.common.runtime.errors import problem_response

TOO_LARGE = 413
WAITS_FOR_BYTES: Final = 64 * 1024
ANNOUNCES_A_BODY: Final = frozenset({b"content-length", b"transfer-encoding"})


class WholeBodies:
    """Passes a request on only when its body has arrived, so that half a request costs a connection and no work.

    A body larger than `WAITS_FOR_BYTES` is streamed from there.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body, or its beginning, and pass the request on; if the client leaves meanwhile, drop it."""
        if scope["type"] != "http" or not any(name in ANNOUNCES_A_BODY for name, _ in scope["headers"]):
            await self._app(scope, receive, send)
            return
        body, is_more = bytearray(), True
        while is_more and len(body) < WAITS_FOR_BYTES:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            is_more = message.get("more_body", False)
        begun: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": is_more}]

        async def receive_on() -> Message:
            return begun.pop() if begun else await receive()

        await self._app(scope, receive_on, send)


class TooLargeAsProblem:
    """Replaces the plain 413."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and check the response status."""
        is_replaced = False

        async def replace(message: Message) -> None:
            nonlocal is_replaced
            if message["type"] == "http.response.start" and message["status"] == TOO_LARGE:
                is_replaced = True
                problem = problem_response(TOO_LARGE, "Content too large", "content-too-large")
                await problem(scope, receive, send)
            elif not is_replaced:
                await send(message)

        await self._app(scope, receive, replace)
