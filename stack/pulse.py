"""Whether a program that serves still answers: asked again and again, without anybody waiting for it."""

import socket
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from stack.parts.process import HOST, exchange
from stack.program import GRPC, Program

HTTP2_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
"""The preface and an empty SETTINGS frame; a server answers with its own settings."""

Probe = Callable[[], bool]

_questions = ThreadPoolExecutor(max_workers=32, thread_name_prefix="pulse")


class Pulse:
    """Questions to one program, one at a time.

    Args:
        probe: asks; an error is no answer. It must end by itself.
        pause: seconds between two questions; one that took longer is followed by the next at once. So a hang is known
            after a few time-outs, while a program that ends or begins, and refuses at once, has its time.

    Attributes:
        misses: how many questions in a row had no answer.
    """

    def __init__(self, probe: Probe, pause: float) -> None:
        self.misses = 0
        self._probe = probe
        self._pause = pause
        self._asked: Future[bool] | None = None
        self._next = time.monotonic() + pause

    def look(self) -> None:
        """Take note of an answer that has come, ask when it is time; returns at once."""
        if self._asked is not None and self._asked.done():
            has_answered = self._asked.exception() is None and self._asked.result()
            self.misses = 0 if has_answered else self.misses + 1
            self._asked = None
        if self._asked is None and time.monotonic() >= self._next:
            self._asked = _questions.submit(self._probe)
            self._next = time.monotonic() + self._pause


def liveness_of(program: Program, port: int) -> Probe:
    """Asks a program whether it is alive, for as long as the program may take to answer."""
    if program.alive == GRPC:
        return lambda: bool(exchange(port, HTTP2_GREETING, seconds=program.answers_within))
    return http_probe(f"http://{HOST}:{port}{program.alive}", program.answers_within)


def http_probe(url: str, seconds: float) -> Probe:
    """Whether an address answers 200, to the end."""

    def answers() -> bool:
        with urllib.request.urlopen(url, timeout=seconds) as answer:  # noqa: S310 - an address of our own
            answer.read()
            return bool(answer.status == 200)  # noqa: PLR2004 - HTTP's OK

    return answers


def tcp_probe(port: int) -> Probe:
    """Whether somebody accepts connections."""

    def answers() -> bool:
        with socket.create_connection((HOST, port), timeout=1):
            return True

    return answers
