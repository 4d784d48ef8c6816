"""Calls to other services, with a deadline, retries, a circuit breaker, trace propagation and, by `auth`, a token.

    catalog = ServiceClient("catalog", settings.catalog_url, timeout=0.5)
    product = await catalog.read(Product, "GET", "/v1/products/7")      # CallFailedError unless it is a product
    response = await catalog.request("GET", "/v1/products/7")           # any status; CallFailedError when there is none
    build_app(..., closes=[catalog])

`timeout` covers all attempts at a call; `retries.py` says which calls are repeated. The remaining time is sent as
`X-Deadline-Ms`, and a call made while handling such a request takes no longer than the remaining time. An answer that
is too large, or that `read` cannot read, is an outage of the service: its circuit breaker counts it.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from functools import cache, partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ssl import SSLContext
from typing import Any, TypeVar

import httpx2

from services.common.runtime.answers import CallFailedError, UnexpectedStatusError, available, parsed, watched
from services.common.runtime.breaker import Breaker
from services.common.runtime.deadline import DEADLINE_HEADER, MINIMUM_SECONDS, time_left
from services.common.runtime.retries import Retries, RetryBudget
from services.common.runtime.telemetry import traceparent

LARGEST_ANSWER = 4 * 1024 * 1024
BODY_HEADERS = frozenset({"content-encoding", "content-length", "transfer-encoding"})
KEPT_ALIVE_SECONDS = 2.0
"""How long an idle connection is reused: less than uvicorn's 5 s, because otherwise a request sometimes meets a
connection that is just being closed."""
T = TypeVar("T")


@cache
def _trusted() -> SSLContext:
    """The trusted CAs, read once for all clients of the process: it takes some 30 ms."""
    return httpx2.create_ssl_context(trust_env=False)


class ServiceClient:
    """A client of one other service."""

    def __init__(
        self,
        name: str,
        base_url: str,
        *,
        timeout: float = 2.0,
        auth: httpx2.Auth | Callable[[Any], Any] | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self.name = name
        self._timeout = timeout
        self._breaker = Breaker(failures=5, pause=2.0)
        self._budget = RetryBudget()
        limits = httpx2.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=KEPT_ALIVE_SECONDS)
        self._client = httpx2.AsyncClient(
            base_url=base_url,
            timeout=timeout,
            limits=limits,
            auth=auth,
            transport=transport,
            verify=_trusted(),
            trust_env=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        )

    async def read(
        self,
        shape: type[T],
        method: str,
        path: str,
        **options: Any,  # noqa: ANN401 - as for `request`
    ) -> T:
        """Call and return the JSON of a success as a `shape`: any type that pydantic knows.

        Raises:
            UnexpectedStatusError: the status is none of success.
            CallFailedError: there was no such response in time.
        """
        return await self._call(partial(parsed, shape), method, path, **options)

    async def request(
        self,
        method: str,
        path: str,
        **options: Any,  # noqa: ANN401 - `headers`, `most_bytes`, and httpx2's own: params, json, content
    ) -> httpx2.Response:
        """Call and return the response, whatever its status.

        Raises:
            CallFailedError: there was no response in time.
        """
        try:
            return await self._call(available, method, path, **options)
        except UnexpectedStatusError as error:
            return error.answer

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _call(
        self,
        read: Callable[[str, httpx2.Response], T],
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        most_bytes: int = LARGEST_ANSWER,
        **options: Any,  # noqa: ANN401 - httpx2's own
    ) -> T:
        """Call until it succeeds, or there is no further attempt."""
        given, left = headers or {}, time_left()
        end = time.monotonic() + min(self._timeout, left)
        retries = Retries(self._budget, method, given, end)
        while True:
            seconds = max(end - time.monotonic(), MINIMUM_SECONDS)
            sent = _with_circumstances(given, seconds)
            try:
                with watched(self.name, self._breaker, is_cut_short=left < self._timeout):
                    async with (
                        asyncio.timeout(seconds),
                        self._client.stream(method, path, headers=sent, **options) as answer,
                    ):
                        response = await read_answer(answer, most_bytes)
                    return read(self.name, response)
            except CallFailedError as error:
                failure = error.answer if isinstance(error, UnexpectedStatusError) else error.__cause__
                if (pause := retries.pause_after(failure)) is None:
                    raise
            await asyncio.sleep(pause)


async def read_answer(answer: httpx2.Response, most_bytes: int = LARGEST_ANSWER) -> httpx2.Response:
    """The response with its decompressed body.

    Raises:
        DecodingError: it cannot be decompressed, or is larger than that.
    """
    body = bytearray()
    async for piece in answer.aiter_bytes():
        body += piece
        if len(body) > most_bytes:
            raise httpx2.DecodingError("the answer is too long", request=answer.request)
    headers = [each for each in answer.headers.multi_items() if each[0] not in BODY_HEADERS]
    return httpx2.Response(answer.status_code, headers=headers, content=bytes(body), request=answer.request)


def _with_circumstances(given: Mapping[str, str], seconds: float) -> dict[str, str]:
    headers = {**given, DEADLINE_HEADER: str(max(1, int(seconds * 1000)))}
    if (parent := traceparent()) is not None:
        headers["traceparent"] = parent
    return headers
