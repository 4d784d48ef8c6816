"""Forwards requests to a service; an unavailable service is reported immediately."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from functools import cached_property, partial

import aiohttp
from fastapi import Request
from fastapi.responses import Response
from starlette.requests import ClientDisconnect
from starlette.types import Scope
from yarl import URL

from services.common.runtime.breaker import Breaker, CircuitOpenError
from services.common.runtime.deadline import time_left
from services.common.runtime.errors import NotFound, Problem, Unavailable
from services.common.runtime.http_client import KEPT_ALIVE_SECONDS
from services.gateway import headers
from services.gateway.passing import Passed
from services.gateway.rate_limit import TooManyRequests
from services.gateway.settings import GatewaySettings
from services.gateway.shedding import share_of

CONNECT_SECONDS = 1.0
CONNECTIONS, CONNECTIONS_PER_CALLER = 200, 50
LONGEST_HEADER = 64 * 1024
OF_THE_CALLER = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
"""Headers that aiohttp would add."""


class BadRequest(Problem):
    """The caller sent a request that cannot be forwarded."""

    status = 400
    title = "Bad request"


class BrokenAnswer(Unavailable):
    """The service disconnected, or did not speak HTTP."""

    status = 502
    title = "Bad gateway"


class TooSlow(BrokenAnswer):
    """The service did not respond in time."""

    status = 504
    title = "Gateway timeout"


class Upstream:
    """One service behind the gateway.

    Its circuit opens by its own failures only. The caller's deadline, an invalid request, an incomplete body, or all
    connections in use do not count: otherwise anyone could close the shop for everyone.
    """

    def __init__(self, name: str, url: str, settings: GatewaySettings) -> None:
        self.name = name
        self._url = URL(url)
        self._seconds, self._upload_seconds = settings.timeout_seconds, settings.upload_timeout_seconds
        self._breaker = Breaker(failures=3, pause=2.0)
        self._asking: Counter[str] = Counter()

    @cached_property
    def _session(self) -> aiohttp.ClientSession:
        """Made when the event loop runs. It keeps no cookies, and every byte of a body as it is."""
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT_ALIVE_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=OF_THE_CALLER,
            max_line_size=LONGEST_HEADER,
            max_field_size=LONGEST_HEADER,
            middlewares=(_once,),
        )

    async def close(self) -> None:
        """Close the connections."""
        if "_session" in vars(self):
            await self._session.close()

    async def forward(self, request: Request) -> Response:
        """Forward a request when its body has been read: a slow caller must not hold a connection to the service.

        Raises:
            TooManyRequests: this caller has too many requests to the service in flight.
            Unavailable: the service is unavailable or busy (503), or was unavailable in the last calls.
            BrokenAnswer: it disconnected (502) or is too slow (504).
        """
        return await self._pass_on(request, await request.body(), self._seconds)

    async def upload(self, request: Request) -> Response:
        """Forward a request whose body is streamed, after its first 64 KiB; raises as `forward`."""
        return await self._pass_on(request, _Upload(request), self._upload_seconds)

    async def _pass_on(self, request: Request, body: "_Upload | bytes", seconds: float) -> Response:
        """Ask within the limits of connections; `seconds` until the response starts, and between two chunks of it."""
        caller: str = request.state.caller
        if self._asking[caller] >= CONNECTIONS_PER_CALLER:
            raise TooManyRequests(1)
        if self._asking.total() >= CONNECTIONS * share_of(request.method, request.scope["path"]):
            raise Unavailable(f"{self.name} is busy.")
        self._asking[caller] += 1
        try:
            answer = await self._ask(request, body, seconds)
        except BaseException:
            self._forget(caller)
            raise
        return Passed(answer, partial(self._forget, caller))

    async def _ask(self, request: Request, body: "_Upload | bytes", seconds: float) -> aiohttp.ClientResponse:
        granted = min(seconds, time_left())
        target = self._target(request.scope)
        try:
            self._breaker.check()
            async with asyncio.timeout(granted):
                answer = await self._session.request(
                    request.method,
                    target,
                    headers=headers.outgoing(request, granted),
                    data=body or None,
                    allow_redirects=False,
                    timeout=aiohttp.ClientTimeout(sock_connect=min(granted, CONNECT_SECONDS), sock_read=granted),
                )
        except CircuitOpenError as error:
            raise Unavailable(f"{self.name} is unavailable.") from error
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            is_late = isinstance(error, TimeoutError) and not isinstance(error, aiohttp.ConnectionTimeoutError)
            is_ours = isinstance(error, ValueError) or (isinstance(body, _Upload) and body.is_to_blame(is_late=is_late))
            if is_ours or (isinstance(error, TimeoutError) and granted < seconds):
                self._breaker.undecided()
            else:
                self._breaker.failed()
            if isinstance(body, _Upload) and body.is_cut_off:
                raise ClientDisconnect from error
            raise _problem(self.name, error) from error
        self._breaker.succeeded()
        return answer

    def _target(self, scope: Scope) -> URL:
        """The path and query at the service, exactly as they were sent.

        Raises:
            NotFound: the path has a segment `.` or `..`: resolving it would bypass the routing table.
            BadRequest: it has bytes that no address has.
        """
        if {".", ".."} & set(scope["path"].split("/")):
            raise NotFound("Paths are not resolved here.")
        path, query = scope["raw_path"], scope["query_string"]
        if not (path.isascii() and query.isascii()):
            raise BadRequest("This cannot be passed on: the address has bytes outside ASCII.")
        return URL.build(
            scheme=self._url.scheme,
            authority=self._url.raw_authority,
            path=path.decode(),
            query_string=query.decode(),
            encoded=True,
        )

    def _forget(self, caller: str) -> None:
        self._asking[caller] -= 1
        if not self._asking[caller]:
            del self._asking[caller]


async def _once(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Send a request once: aiohttp would repeat an idempotent one by itself, beside everybody's budget."""
    try:
        return await send(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientPayloadError(str(error)) from error


def _problem(name: str, error: Exception) -> Problem:
    if isinstance(error, ValueError):
        return BadRequest("This cannot be passed on: a header, the address or the length is not well-formed.")
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return Unavailable(f"{name} is unavailable.")
    if isinstance(error, TimeoutError):
        return TooSlow(f"{name} did not answer in time.")
    return BrokenAnswer(f"{name} broke off.")


class _Upload:
    """A streamed body; `is_over` when the caller has sent all of it."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self.is_over = False
        self.is_cut_off = False

    def is_to_blame(self, *, is_late: bool) -> bool:
        """Whether a failure may be the caller's, who left or is slow."""
        return self.is_cut_off or (is_late and not self.is_over)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._request.stream():
                yield piece
        except ClientDisconnect:
            self.is_cut_off = True
            raise
        self.is_over = True
