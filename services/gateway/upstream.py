"""Passes requests on to a service and its answers back, both as streams; a service that is away is told at once."""

import asyncio
from collections.abc import AsyncIterator

import httpx2
from fastapi import Request
from fastapi.responses import Response, StreamingResponse
from starlette.requests import ClientDisconnect
from starlette.types import Scope

from services.common.breaker import Breaker, CircuitOpenError
from services.common.errors import NotFound, Problem, Unavailable
from services.common.http import KEPT_ALIVE_SECONDS, TOO_LATE, time_left
from services.gateway import headers

RETRY_AFTER = 2
CONNECT_SECONDS = 1.0
CLIENT_CLOSED_REQUEST = 499  # nobody reads it; it only keeps an unfinished upload out of the errors


class BrokenAnswer(Problem):
    """The service broke off, or spoke no HTTP."""

    status = 502
    title = "Bad gateway"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"Retry-After": str(RETRY_AFTER)})


class TooSlow(BrokenAnswer):
    """The service did not answer within the time."""

    status = 504
    title = "Gateway timeout"


class Upstream:
    """One service behind the gateway.

    Its circuit opens by its own failures only. The caller's deadline and a body that the caller is still sending say
    nothing of it: else anyone could close the shop for everybody.
    """

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self._url = httpx2.URL(url)
        self._breaker = Breaker(failures=3, pause=float(RETRY_AFTER))
        limits = httpx2.Limits(max_connections=200, max_keepalive_connections=50, keepalive_expiry=KEPT_ALIVE_SECONDS)
        self._client = httpx2.AsyncClient(timeout=None, limits=limits, follow_redirects=False, trust_env=False)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def forward(self, request: Request, seconds: float) -> Response:
        """Pass a request on; `seconds` is the time until the answer begins, and between two pieces of it.

        Raises:
            Unavailable: the service is away (503), or was in the last calls.
            BrokenAnswer: it broke off (502) or is too slow (504).
        """
        granted = min(seconds, time_left())
        upload = _Upload(request)
        asked = self._client.build_request(
            request.method,
            self._url,
            headers=headers.outgoing(request, granted),
            content=None if upload.is_over else upload,
            timeout=httpx2.Timeout(granted, connect=min(granted, CONNECT_SECONDS)),
            extensions={"target": _target(request.scope)},
        )
        try:
            self._breaker.check()
            async with asyncio.timeout(granted):
                answer = await self._client.send(asked, stream=True)
        except CircuitOpenError as error:
            raise Unavailable(f"{self.name} is away.", retry_after=RETRY_AFTER) from error
        except ClientDisconnect:
            self._breaker.undecided()
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        except (httpx2.TransportError, TimeoutError) as error:
            waits_for_caller = granted < seconds or not (upload.is_over or isinstance(error, httpx2.ConnectTimeout))
            if not (waits_for_caller and isinstance(error, TOO_LATE)):
                self._breaker.failed()
            else:
                self._breaker.undecided()
            raise _problem(self.name, error) from error
        self._breaker.succeeded()
        response = StreamingResponse(_pieces(answer), status_code=answer.status_code)
        response.raw_headers = headers.incoming(answer)
        return response


def _problem(name: str, error: Exception) -> Problem:
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
        return Unavailable(f"{name} is away.", retry_after=RETRY_AFTER)
    if isinstance(error, TOO_LATE):
        return TooSlow(f"{name} did not answer in time.")
    return BrokenAnswer(f"{name} broke off.")


async def _pieces(answer: httpx2.Response) -> AsyncIterator[bytes]:
    """The body as it comes, still compressed; the connection is given back however this ends."""
    try:
        async for piece in answer.aiter_raw():
            yield piece
    finally:
        await answer.aclose()


class _Upload:
    """The caller's body on its way through; `is_over` when the caller has no more of it to send."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self.is_over = "transfer-encoding" not in request.headers and request.headers.get("content-length", "0") == "0"

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._request.stream():
            yield piece
        self.is_over = True


def _target(scope: Scope) -> bytes:
    """The path and query exactly as they were sent.

    Raises:
        NotFound: the path has a segment `.` or `..`: whoever resolves it would leave the routing table, and its gates.
    """
    if {".", ".."} & set(scope["path"].split("/")):
        raise NotFound("Paths are not resolved here.")
    query: bytes = scope["query_string"]
    path: bytes = scope["raw_path"]
    return path + b"?" + query if query else path
