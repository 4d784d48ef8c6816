"""Passes requests on to a service and its answers back, both as streams; a service that is away is told at once."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable

import httpx2
from fastapi import Request
from fastapi.responses import Response, StreamingResponse
from starlette.requests import ClientDisconnect
from starlette.types import Scope

from services.common.breaker import Breaker, CircuitOpenError
from services.common.errors import Problem, Unavailable
from services.common.http import DEADLINE_HEADER, deadline
from services.common.telemetry import traceparent

RETRY_AFTER = 2
CONNECT_SECONDS = 1.0
MINIMUM_SECONDS = 0.001
HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
OWN_TO_THE_EDGE = {"host", "cookie", "expect", DEADLINE_HEADER, "traceparent", "x-request-id", "forwarded"} | {
    f"x-forwarded-{what}" for what in ("for", "proto", "host", "port")
}
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
    """One service behind the gateway."""

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self._url = httpx2.URL(url)
        self._breaker = Breaker(failures=3, pause=float(RETRY_AFTER))
        limits = httpx2.Limits(max_connections=200, max_keepalive_connections=50)
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
        seconds = min(seconds, _time_left())
        outgoing = self._client.build_request(
            request.method,
            self._url.copy_with(raw_path=_raw_path(request.scope)),
            headers=_request_headers(request, seconds),
            content=request.stream() if _has_body(request) else None,
            timeout=httpx2.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS)),
        )
        try:
            self._breaker.check()
            async with asyncio.timeout(seconds):
                incoming = await self._client.send(outgoing, stream=True)
        except CircuitOpenError as error:
            raise Unavailable(f"{self.name} is away.", retry_after=RETRY_AFTER) from error
        except ClientDisconnect:
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        except (httpx2.TransportError, TimeoutError) as error:
            self._breaker.failed()
            raise _problem(self.name, error) from error
        self._breaker.succeeded()
        answer = StreamingResponse(_pieces(incoming), status_code=incoming.status_code)
        answer.raw_headers = _without(incoming.headers.raw, incoming.headers.get("connection", ""), set())
        return answer


def _problem(name: str, error: Exception) -> Problem:
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
        return Unavailable(f"{name} is away.", retry_after=RETRY_AFTER)
    if isinstance(error, TimeoutError | httpx2.TimeoutException):
        return TooSlow(f"{name} did not answer in time.")
    return BrokenAnswer(f"{name} broke off.")


async def _pieces(answer: httpx2.Response) -> AsyncIterator[bytes]:
    """The body as it comes, still compressed; the connection is given back however this ends."""
    try:
        async for piece in answer.aiter_raw():
            yield piece
    finally:
        await answer.aclose()


def _raw_path(scope: Scope) -> bytes:
    """The path and query exactly as they were sent."""
    query: bytes = scope["query_string"]
    path: bytes = scope["raw_path"]
    return path + b"?" + query if query else path


def _has_body(request: Request) -> bool:
    return "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != "0"


def _time_left() -> float:
    """What the caller granted in `X-Deadline-Ms`."""
    end = deadline.get()
    return float("inf") if end is None else max(end - time.monotonic(), MINIMUM_SECONDS)


def _request_headers(request: Request, seconds: float) -> list[tuple[bytes, bytes]]:
    headers = _without(request.headers.raw, request.headers.get("connection", ""), OWN_TO_THE_EDGE)
    address = request.client.host if request.client else "unknown"
    added = {
        "x-request-id": request.state.request_id,
        "x-forwarded-for": address,
        "x-forwarded-proto": request.url.scheme,
        "x-forwarded-host": request.headers.get("host", ""),
        DEADLINE_HEADER: str(int(seconds * 1000)),
        "traceparent": traceparent() or request.headers.get("traceparent", ""),
    }
    return headers + [(name.encode(), value.encode("latin-1")) for name, value in added.items() if value]


def _without(headers: Iterable[tuple[bytes, bytes]], connection: str, names: set[str]) -> list[tuple[bytes, bytes]]:
    """The headers but those of this one hop: the standard's, those `Connection` names, and `names`."""
    dropped = HOP_BY_HOP | names | {name.strip().lower() for name in connection.split(",")}
    return [(name, value) for name, value in headers if name.decode("latin-1").lower() not in dropped]
