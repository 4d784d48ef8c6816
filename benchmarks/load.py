"""Loads an HTTP server on this machine over kept-alive connections, and tells how long the answers took.

    sample = await closed_loop(port, requests, seconds=5)           # each connection asks again as soon as it may
    sample = await open_loop(port, requests, seconds=20, rate=50)   # so many a second, whatever comes back
    sample.rate, sample.milliseconds(99)

The load comes from the process that calls this, so the server runs in another. In the open loop an answer's time counts
from the moment at which its request was due, not from when a connection was free for it: a stall of the server is felt
by everyone who would have come meanwhile (no coordinated omission).
"""

import asyncio
import gc
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from math import inf
from typing import Final, cast

import httptools
import numpy as np
import numpy.typing as npt

CONNECTIONS: Final = 16
HOST: Final = "127.0.0.1"
SUCCESS: Final = range(200, 300)


class LoadError(RuntimeError):
    """An answer told of a failure, or a connection broke: no figure comes of that."""


@dataclass(frozen=True)
class Sample:
    """The answers to one load: `seconds` from its first request to its last answer; `latencies` float64 [answers]."""

    seconds: float
    latencies: npt.NDArray[np.float64]

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.latencies.size / self.seconds

    def milliseconds(self, percentile: float) -> float:
        """The time within which so many percent of the answers came."""
        return float(np.percentile(self.latencies, percentile, method="higher")) * 1000


def request(method: str, path: str, *, token: str | None = None, body: bytes = b"", key: str | None = None) -> bytes:
    """A request as it goes over the wire; a body is JSON, `key` the Idempotency-Key."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}", "User-Agent: tanawari-benchmark", "Accept: */*"]
    if token is not None:
        lines.append(f"Authorization: Bearer {token}")
    if key is not None:
        lines.append(f"Idempotency-Key: {key}")
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join((*lines, "", "")).encode() + body


async def closed_loop(
    port: int, requests: Iterator[bytes], *, seconds: float = inf, connections: int = CONNECTIONS
) -> Sample:
    """As many requests as the server answers, until the time or the requests end: who has an answer asks again.

    Raises:
        ExceptionGroup: of `LoadError`s.
    """
    latencies: list[float] = []

    async def keep_asking(connection: _Connection, started: float) -> None:
        now = started
        for request in requests:
            await connection.ask(request)
            asked_at, now = now, time.perf_counter()
            latencies.append(now - asked_at)
            if now > started + seconds:
                break

    return Sample(await _run(port, connections, keep_asking), np.array(latencies))


async def open_loop(
    port: int, requests: Iterator[bytes], *, seconds: float, rate: float, connections: int = CONNECTIONS
) -> Sample:
    """`rate` requests a second, evenly; one that finds every connection taken waits, and its time runs.

    Raises:
        ExceptionGroup: of `LoadError`s.
    """
    latencies: list[float] = []
    numbers = iter(range(int(rate * seconds)))

    async def ask_when_due(connection: _Connection, started: float) -> None:
        for number in numbers:
            due = started + number / rate
            if (early := due - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            await connection.ask(next(requests))
            latencies.append(time.perf_counter() - due)

    return Sample(await _run(port, connections, ask_when_due), np.array(latencies))


async def _run(
    port: int, connections: int, work: Callable[["_Connection", float], Coroutine[None, None, None]]
) -> float:
    """Open connections, let them all work, and tell how many seconds that took."""
    loop = asyncio.get_running_loop()
    opened = [(await loop.create_connection(_Connection, HOST, port))[1] for _ in range(connections)]
    gc.freeze()  # a pause of ours would count as the server's
    started = time.perf_counter()
    try:
        async with asyncio.TaskGroup() as group:
            for connection in opened:
                group.create_task(work(connection, started))
        return time.perf_counter() - started
    finally:
        for connection in opened:
            connection.close()


class _Connection(asyncio.Protocol):
    """One connection, with one request at a time; httptools calls `on_message_complete`."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport
        self._answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def ask(self, request: bytes) -> None:
        """Send a request and wait for the end of its answer.

        Raises:
            LoadError: it is none of success, or does not come.
        """
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        await self._answer

    def close(self) -> None:
        """Hang up."""
        self._answer.cancel()
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, which uvloop does not derive from asyncio's."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """Note the end of an answer."""
        status = self._parser.get_status_code()
        if status in SUCCESS:
            self._answer.set_result(None)
        else:
            self._answer.set_exception(LoadError(f"an answer has status {status}"))

    def connection_lost(self, error: Exception | None) -> None:
        """Note that no answer will come."""
        if not self._answer.done():
            self._answer.set_exception(LoadError(f"the server hung up: {error}"))
