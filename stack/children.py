"""A supervised child: started, probed, restarted after a crash with growing pauses."""

import contextlib
import os
import signal
import socket
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum

from stack.environment import Environment
from stack.parts.process import HOST, Process
from stack.programs import ROOT, TCP, Program

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
CALM_SECONDS = 60.0
"""A child that ran this long without a crash starts over with the first pause."""


class Phase(StrEnum):
    """Where a child is in its life."""

    STARTING = "starting"
    READY = "ready"
    WAITING = "waiting to restart"
    STOPPED = "stopped"


class Child:
    """One process and its restarts.

    Args:
        process: what runs.
        address: where people and programs find it, if it serves.

    Attributes:
        restart: what is done when it has crashed, `start` where nothing else is set.
    """

    def __init__(self, process: Process, *, address: str | None = None) -> None:
        self.process = process
        self.address = address
        self.restart: Callable[[], None] = self.start
        self.phase = Phase.STOPPED
        self.restarts = 0
        self._pause = FIRST_PAUSE
        self._since = 0.0

    @property
    def name(self) -> str:
        """The process's name."""
        return self.process.name

    def start(self) -> None:
        """Start it; `watch` tells when it is ready."""
        self.process.spawn()
        self._enter(Phase.STARTING)

    def stop(self, seconds: float) -> None:
        """Stop it for good."""
        self.process.stop(seconds)
        self._enter(Phase.STOPPED)

    def watch(self) -> bool:
        """Look at it once, restart it when its pause is over; tells whether its phase changed."""
        before, now = self.phase, time.monotonic()
        if self.phase in (Phase.STARTING, Phase.READY) and self.process.exit_code is not None:
            self._pause = FIRST_PAUSE if now - self._since > CALM_SECONDS else min(self._pause * 2, LONGEST_PAUSE)
            self._enter(Phase.WAITING)
        elif self.phase is Phase.WAITING and now - self._since >= self._pause:
            self.restarts += 1
            self.restart()
        elif self.phase is Phase.STARTING and self.process.serves():
            self._enter(Phase.READY)
        return self.phase is not before

    def status(self) -> dict[str, object]:
        """What `tanawari status` shows of it."""
        return {
            "state": self.phase.value,
            "pid": self.process.pid,
            "restarts": self.restarts,
            "address": self.address,
            "log": str(self.process.log),
        }

    def _enter(self, phase: Phase) -> None:
        self.phase = phase
        self._since = time.monotonic()


def child_of(program: Program, environment: Environment) -> Child:
    """A program as a child with its own environment and log."""
    port = environment.ports.get(program.name)
    address = environment.address(program.name) if program.probe and program.probe != TCP else None
    values = {
        "port": str(port),
        "state": str(environment.state.directory),
    }
    process = Process(
        program.name,
        [word.format_map(values) for word in program.command],
        environment.state.log(program.name),
        environment=environment.of(program),
        directory=ROOT,
        is_ready=_http_probe(f"{address}{program.probe}") if address else _tcp_probe(port) if port else lambda: True,
    )
    return Child(process, address=address)


def stop_together(children: Iterable[Child], seconds: float) -> None:
    """Stop several at the same time, each within the time."""
    alive = list(children)
    with ThreadPoolExecutor(len(alive) or 1) as pool:
        list(pool.map(lambda child: child.stop(seconds), alive))


@contextlib.contextmanager
def frozen(children: Iterable[Child]) -> Iterator[None]:
    """Let several, and what they started in their sessions, stand still for a moment; connections to them wait."""
    groups = [child.process.pid for child in children if child.process.pid]
    try:
        _signal(groups, signal.SIGSTOP)
        yield
    finally:
        _signal(groups, signal.SIGCONT)


def _signal(groups: Iterable[int], number: signal.Signals) -> None:
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, number)


def _http_probe(url: str) -> Callable[[], bool]:
    def answers() -> bool:
        with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310 - an address of our own
            return bool(answer.status == 200)  # noqa: PLR2004 - HTTP's OK

    return answers


def _tcp_probe(port: int) -> Callable[[], bool]:
    def answers() -> bool:
        with socket.create_connection((HOST, port), timeout=1):
            return True

    return answers
