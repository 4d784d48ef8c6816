"""Calls to other services, with a deadline, a circuit breaker, trace propagation and, by `auth`, a service token.

    catalog = ServiceClient("catalog", settings.catalog_url, timeout=0.5)
    response = await catalog.request("GET", "/v1/products/7")           # any status; CallFailedError when there is none
    build_app(..., lifespan=...)  # await catalog.close()

There are no retries here: only the outermost caller retries. The remaining time is sent as `X-Deadline-Ms`, and a call
made while handling such a request takes no longer than the remaining time.
"""

import asyncio
import time
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

import httpx2
from starlette.types import ASGIApp, Receive, Scope, Send

from services.common.runtime.breaker import Breaker, CircuitOpenError
from services.common.runtime.errors import Unavailable
from services.common.runtime.telemetry import traceparent

DEADLINE_HEADER = "x-deadline-ms"
UNAVAILABLE = frozenset({502, 503, 504})
MINIMUM_SECONDS = 0.001
LARGEST_ANSWER = 16 * 1024 * 1024
BODY_HEADERS = frozenset({"content-encoding", "content-length", "transfer-encoding"})
KEPT_ALIVE_SECONDS = 2.0
"""How long an idle connection is reused: less than uvicorn's 5 s, because otherwise a request sometimes meets a
connection that is just being closed."""
TOO_LATE = (TimeoutError, httpx2.TimeoutException)
OURS = (httpx2.LocalProtocolError, httpx2.PoolTimeout)
"""Failures that say nothing about the other side: an invalid request, or no free connection."""
deadline: ContextVar[float | None] = ContextVar("deadline", default=None)
"""The current request's deadline, by `time.monotonic()`."""


class DeadlineMiddleware:
    """Applies the deadline of an incoming request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; its deadline applies to all calls it makes."""
        headers = scope.get("headers", ())
        given = next((value for name, value in headers if name == DEADLINE_HEADER.encode()), b"")
        is_sane = given.isdigit() and len(given) < 8 and int(given) > 0  # noqa: PLR2004 - three hours in milliseconds
        token = deadline.set(time.monotonic() + int(given) / 1000 if is_sane else None)
        try:
            await self._app(scope, receive, send)
        finally:
            deadline.reset(token)


class CallFailedError(Unavailable):
    """Another service did not respond: unavailable, too slow, or its circuit is open."""


class ServiceClient:
    """A client of one other service."""

    def __init__(
        self,
        name: str,
        base_url: str,
        *,
        timeout: float = 2.0,
        auth: httpx2.Auth | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self.name = name
        self._timeout = timeout
        self._breaker = Breaker(failures=5, pause=2.0)
        limits = httpx2.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=KEPT_ALIVE_SECONDS)
        self._client = httpx2.AsyncClient(
            base_url=base_url, timeout=timeout, limits=limits, auth=auth, transport=transport, trust_env=False
        )

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        **options: Any,  # noqa: ANN401 - httpx2's own: params, json, content
    ) -> httpx2.Response:
        """Call and return the response, whatever its status.

        Raises:
            CallFailedError: there was no response in time.
        """
        left = time_left()
        seconds = min(self._timeout, left)
        try:
            self._breaker.check()
            async with (
                asyncio.timeout(seconds),
                self._client.stream(method, path, headers=_with_circumstances(headers, seconds), **options) as answer,
            ):
                response = await read_answer(answer)
        except CircuitOpenError as error:
            raise CallFailedError(f"{self.name} is not asked: {error}") from error
        except (httpx2.RequestError, TimeoutError, ConnectionError) as error:
            is_callers = isinstance(error, TOO_LATE) and left < self._timeout  # any caller may set this time
            if is_callers or isinstance(error, OURS):
                self._breaker.undecided()
            else:
                self._breaker.failed()
            raise CallFailedError(f"{self.name} does not answer: {type(error).__name__}") from error
        if response.status_code not in UNAVAILABLE:
            self._breaker.succeeded()
        elif left < self._timeout:  # the same: the service may have had too little time
            self._breaker.undecided()
        else:
            self._breaker.failed()
        return response

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


async def read_answer(answer: httpx2.Response) -> httpx2.Response:
    """The response with its decompressed body.

    Raises:
        DecodingError: it cannot be decompressed, or is larger than any expected response.
    """
    body = bytearray()
    async for piece in answer.aiter_bytes():
        body += piece
        if len(body) > LARGEST_ANSWER:
            raise httpx2.DecodingError("the answer is too long", request=answer.request)
    headers = [each for each in answer.headers.multi_items() if each[0] not in BODY_HEADERS]
    return httpx2.Response(answer.status_code, headers=headers, content=bytes(body), request=answer.request)


def time_left() -> float:
    """The remaining seconds of the current request; infinite if its caller set no deadline."""
    end = deadline.get()
    return float("inf") if end is None else max(end - time.monotonic(), MINIMUM_SECONDS)


def _with_circumstances(given: Mapping[str, str] | None, seconds: float) -> dict[str, str]:
    headers = {**(given or {}), DEADLINE_HEADER: str(max(1, int(seconds * 1000)))}
    if (parent := traceparent()) is not None:
        headers["traceparent"] = parent
    return headers
