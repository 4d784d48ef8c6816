"""Liveness probes of programs: they run periodically in threads, so that the supervisor never waits for one."""

import socket
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from stack.parts.process import HOST, exchange
from stack.program import GRPC, Program

HTTP2_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
"""The connection preface and an empty SETTINGS frame; a server responds with its own settings."""

Probe = Callable[[], bool]

_probes = ThreadPoolExecutor(max_workers=32, thread_name_prefix="liveness")


class Liveness:
    """The liveness of one program: one probe at a time.

    Args:
        probe: returns whether the program responds; an exception means that it does not. It has a time-out of its own.
        pause: seconds between the starts of two probes; after a probe that took longer the next one starts at once. So
            a hang is detected after a few time-outs, and a program that refuses connections while it starts gets time.

    Attributes:
        misses: the number of failed probes in a row.
    """

    def __init__(self, probe: Probe, pause: float) -> None:
        self.misses = 0
        self._probe = probe
        self._pause = pause
        self._running: Future[bool] | None = None
        self._next = time.monotonic() + pause

    def check(self) -> None:
        """Record the result of a finished probe, and start the next one when it is due; returns at once."""
        if self._running is not None and self._running.done():
            has_responded = self._running.exception() is None and self._running.result()
            self.misses = 0 if has_responded else self.misses + 1
            self._running = None
        if self._running is None and time.monotonic() >= self._next:
            self._running = _probes.submit(self._probe)
            self._next = time.monotonic() + self._pause


def liveness_of(program: Program, port: int) -> Probe:
    """The liveness probe of a program, with the time-out that the program states."""
    if program.alive == GRPC:
        return lambda: bool(exchange(port, HTTP2_GREETING, seconds=program.answers_within))
    return http_probe(f"http://{HOST}:{port}{program.alive}", program.answers_within)


def http_probe(url: str, seconds: float) -> Probe:
    """Whether an address responds with 200 and a complete body."""

    def answers() -> bool:
        with urllib.request.urlopen(url, timeout=seconds) as answer:  # noqa: S310 - an address of our own
            answer.read()
            return bool(answer.status == 200)  # noqa: PLR2004 - HTTP's OK

    return answers


def tcp_probe(port: int) -> Probe:
    """Whether the port accepts connections."""

    def answers() -> bool:
        with socket.create_connection((HOST, port), timeout=1):
            return True

    return answers
