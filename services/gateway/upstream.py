"""Forwards requests to a service; an unavailable service is reported immediately."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from functools import partial

import httpx2
from fastapi import Request
from fastapi.responses import Response, StreamingResponse
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from services.common.runtime.answers import OURS, TOO_LATE
from services.common.runtime.breaker import Breaker, CircuitOpenError
from services.common.runtime.deadline import time_left
from services.common.runtime.errors import NotFound, Problem, Unavailable
from services.common.runtime.http_client import KEPT_ALIVE_SECONDS
from services.gateway import headers
from services.gateway.rate_limit import TooManyRequests

RETRY_AFTER = 2
CONNECT_SECONDS = 1.0
CONNECTIONS, CONNECTIONS_PER_CALLER = 200, 50


class BadRequest(Problem):
    """The caller sent a request that cannot be forwarded."""

    status = 400
    title = "Bad request"


class BrokenAnswer(Problem):
    """The service disconnected, or did not speak HTTP."""

    status = 502
    title = "Bad gateway"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"Retry-After": str(RETRY_AFTER)})


class TooSlow(BrokenAnswer):
    """The service did not respond in time."""

    status = 504
    title = "Gateway timeout"


class Upstream:
    """One service behind the gateway.

    Its circuit opens by its own failures only. The caller's deadline, an invalid request, an incomplete body, or a full
    connection pool do not count: otherwise anyone could close the shop for everyone.
    """

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self._url = httpx2.URL(url)
        self._breaker = Breaker(failures=3, pause=float(RETRY_AFTER))
        self._asking: Counter[str] = Counter()
        limits = httpx2.Limits(
            max_connections=CONNECTIONS, max_keepalive_connections=50, keepalive_expiry=KEPT_ALIVE_SECONDS
        )
        self._client = httpx2.AsyncClient(timeout=None, limits=limits, follow_redirects=False, trust_env=False)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def forward(self, request: Request, seconds: float, *, is_upload: bool = False) -> Response:
        """Forward a request; `seconds` is the time until the response starts, and between two chunks of it.

        A body is read completely first, because a caller must not hold a connection to the service; only an upload is
        streamed, after its first 64 KiB.

        Raises:
            TooManyRequests: this caller has too many requests to the service in flight.
            Unavailable: the service is unavailable (503), or was in the last calls.
            BrokenAnswer: it disconnected (502) or is too slow (504).
        """
        caller: str = request.state.caller
        body = _Upload(request) if is_upload else await request.body()
        if self._asking[caller] >= CONNECTIONS_PER_CALLER:
            raise TooManyRequests(1)
        self._asking[caller] += 1
        try:
            answer = await self._ask(request, seconds, body)
        except BaseException:
            self._forget(caller)
            raise
        return _Passed(answer, partial(self._forget, caller))

    async def _ask(self, request: Request, seconds: float, body: "_Upload | bytes") -> httpx2.Response:
        granted = min(seconds, time_left())
        asked = self._client.build_request(
            request.method,
            self._url,
            headers=headers.outgoing(request, granted),
            content=body or None,
            timeout=httpx2.Timeout(granted, connect=min(granted, CONNECT_SECONDS), pool=min(granted, CONNECT_SECONDS)),
            extensions={"target": _target(request.scope)},
        )
        try:
            self._breaker.check()
            async with asyncio.timeout(granted):
                answer = await self._client.send(asked, stream=True)
        except CircuitOpenError as error:
            raise Unavailable(f"{self.name} is unavailable.", retry_after=RETRY_AFTER) from error
        except ClientDisconnect:
            self._breaker.undecided()
            raise
        except (httpx2.TransportError, TimeoutError) as error:
            is_late = isinstance(error, TOO_LATE) and not isinstance(error, httpx2.ConnectTimeout)
            is_theirs = not (isinstance(error, OURS) or (is_late and isinstance(body, _Upload) and not body.is_over))
            if is_theirs and not (isinstance(error, TOO_LATE) and granted < seconds):
                self._breaker.failed()
            else:
                self._breaker.undecided()
            raise _problem(self.name, error) from error
        self._breaker.succeeded()
        return answer

    def _forget(self, caller: str) -> None:
        self._asking[caller] -= 1
        if not self._asking[caller]:
            del self._asking[caller]


def _problem(name: str, error: Exception) -> Problem:
    if isinstance(error, httpx2.LocalProtocolError):
        return BadRequest("This cannot be passed on: a header, the address or the length is not well-formed.")
    if isinstance(error, httpx2.PoolTimeout):
        return Unavailable(f"{name} is busy.", retry_after=RETRY_AFTER)
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
        return Unavailable(f"{name} is unavailable.", retry_after=RETRY_AFTER)
    if isinstance(error, TOO_LATE):
        return TooSlow(f"{name} did not answer in time.")
    return BrokenAnswer(f"{name} broke off.")


class _Passed(StreamingResponse):
    """A streamed response, still compressed; its connection is released in any case."""

    def __init__(self, answer: httpx2.Response, ended: Callable[[], None]) -> None:
        super().__init__(answer.aiter_raw(), answer.status_code)
        self.raw_headers = headers.incoming(answer)
        self._answer = answer
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._ended()
            await self._answer.aclose()


class _Upload:
    """A streamed body; `is_over` when the caller has sent all of it."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self.is_over = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._request.stream():
            yield piece
        self.is_over = True


def _target(scope: Scope) -> bytes:
    """The path and query exactly as they were sent.

    Raises:
        NotFound: the path has a segment `.` or `..`: resolving it would bypass the routing table.
    """
    if {".", ".."} & set(scope["path"].split("/")):
        raise NotFound("Paths are not resolved here.")
    query: bytes = scope["query_string"]
    path: bytes = scope["raw_path"]
    return path + b"?" + query if query else path
