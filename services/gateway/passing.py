"""Passes a service's answer on to the caller as it comes, still compressed."""

import asyncio
from collections.abc import Callable

import aiohttp
from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from services.gateway import headers


class Passed(Response):
    """A streamed response; its connection is released in any case.

    Most answers end with their first piece. Only behind a longer one somebody has to watch whether the caller has left.
    """

    def __init__(self, answer: aiohttp.ClientResponse, ended: Callable[[], None]) -> None:
        self.status_code = answer.status
        self.raw_headers = headers.incoming(answer.raw_headers)
        self.background = None
        self._answer = answer
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head, and each piece when it is there."""
        del scope
        content = self._answer.content
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            piece = await content.readany()
            is_over = content.at_eof()
            await send({"type": "http.response.body", "body": piece, "more_body": not is_over})
            if not is_over:
                await self._pass_rest(receive, send)
        finally:
            self._ended()
            self._answer.close()

    async def _pass_rest(self, receive: Receive, send: Send) -> None:
        left = asyncio.create_task(self._close_when_left(receive))
        try:
            async for piece in self._answer.content.iter_any():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except aiohttp.ClientError:
            if not left.done():
                raise
        finally:
            left.cancel()

    async def _close_when_left(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._answer.close()
