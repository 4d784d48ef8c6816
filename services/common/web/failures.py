"""A failure that has been answered ends no connection.

Starlette answers an unexpected error and raises it again, so that a server may log it. Our error handler has logged it
by then; uvicorn would log it a second time and close the connection, on which the gateway sends the next request of
anybody: that would become a 502.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class AnsweredFailures:
    """Drops an error that comes after the end of the answer; any other one is the server's, which breaks off."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        is_answered = False

        async def watch(message: Message) -> None:
            nonlocal is_answered
            await send(message)
            is_answered = message["type"] == "http.response.body" and not message.get("more_body", False)

        try:
            await self._app(scope, receive, watch)
        except Exception:
            if not is_answered:
                raise
