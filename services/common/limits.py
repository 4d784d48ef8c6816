"""Answers an over-long body with a problem document, where Starlette's own limit would answer in plain text.

The limit itself is Starlette's: `max_body_bytes` of `build_app`, and `max_body_size=` of a single route over it.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.common.errors import problem_response

TOO_LARGE = 413


class TooLargeAsProblem:
    """Replaces the plain 413."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and look at the status that comes back."""
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
