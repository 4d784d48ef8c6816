"""Calls to other services: a deadline, retries of what may be repeated, a circuit breaker, the trace passed on.

    catalog = ServiceClient("catalog", settings.catalog_url, timeout=0.5, token=lambda: signer.service_token("gateway"))
    response = await catalog.request("GET", "/v1/products/7")           # any status; CallFailedError when there is none
    build_app(..., lifespan=...)  # await catalog.close()

Retries belong to one layer: only the outermost caller sets `retries`. The time left is sent as `X-Deadline-Ms`, and a
call made while answering such a request takes no longer than what is left.
"""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

import httpx2
from starlette.types import ASGIApp, Receive, Scope, Send

from services.common.breaker import Breaker
from services.common.errors import Unavailable
from services.common.telemetry import traceparent

DEADLINE_HEADER = "x-deadline-ms"
SAFE_TO_REPEAT = frozenset({"GET", "HEAD", "PUT", "DELETE"})
AWAY = frozenset({502, 503, 504})
FIRST_PAUSE = 0.05
deadline: ContextVar[float | None] = ContextVar("deadline", default=None)
"""When the present request has to be answered, by `time.monotonic()`."""


class DeadlineMiddleware:
    """Takes over the deadline that a request brings."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its deadline set for the calls that answering it needs."""
        headers = scope.get("headers", ())
        given = next((value for name, value in headers if name == DEADLINE_HEADER.encode()), b"")
        is_sane = given.isdigit() and len(given) < 8  # noqa: PLR2004 - three hours in milliseconds
        token = deadline.set(time.monotonic() + int(given) / 1000 if is_sane else None)
        try:
            await self._app(scope, receive, send)
        finally:
            deadline.reset(token)


class CallFailedError(Unavailable):
    """Another service gave no answer: away, too slow, or its circuit is open."""


class ServiceClient:
    """A client of one other service."""

    def __init__(
        self,
        name: str,
        base_url: str,
        *,
        timeout: float = 2.0,
        retries: int = 0,
        token: Callable[[], str] | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self.name = name
        self._timeout = timeout
        self._retries = retries
        self._token = token
        self._breaker = Breaker(failures=5, pause=2.0)
        self._client = httpx2.AsyncClient(base_url=base_url, timeout=timeout, transport=transport, trust_env=False)

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        **options: Any,  # noqa: ANN401 - httpx2's own: params, json, content
    ) -> httpx2.Response:
        """Call and give the answer, whatever its status below 500 or on the last try.

        Raises:
            CallFailedError: there was no answer within the time.
        """
        repeatable = method in SAFE_TO_REPEAT or "idempotency-key" in {name.lower() for name in headers or {}}
        tries = 1 + (self._retries if repeatable else 0)
        end = min(time.monotonic() + self._timeout, deadline.get() or float("inf"))
        for attempt in range(1, tries + 1):
            if end <= time.monotonic():
                raise CallFailedError(f"{self.name} was not asked: the time is over")
            try:
                self._breaker.check()
                async with asyncio.timeout(end - time.monotonic()):
                    response = await self._client.request(method, path, headers=self._headers(headers, end), **options)
            except (httpx2.TransportError, TimeoutError, ConnectionError) as error:
                self._note(is_success=False)
                if attempt == tries:
                    raise CallFailedError(f"{self.name} does not answer: {type(error).__name__}") from error
            else:
                self._note(is_success=response.status_code not in AWAY)
                if response.status_code not in AWAY or attempt == tries:
                    return response
            await asyncio.sleep(random.uniform(0, FIRST_PAUSE * 2**attempt))  # noqa: S311 - jitter is no secret
        raise AssertionError("the last try returns or raises")

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def _note(self, *, is_success: bool) -> None:
        if is_success:
            self._breaker.succeeded()
        elif not self._breaker.is_open:
            self._breaker.failed()

    def _headers(self, given: Mapping[str, str] | None, end: float) -> dict[str, str]:
        headers = dict(given or {})
        headers[DEADLINE_HEADER] = str(max(1, int((end - time.monotonic()) * 1000)))
        if (parent := traceparent()) is not None:
            headers["traceparent"] = parent
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token()}"
        return headers
