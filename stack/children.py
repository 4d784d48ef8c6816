"""A supervised child: started, probed, restarted after a crash or when it hangs, with growing pauses."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum

from stack.environment import Environment
from stack.parts.process import PartError, Process, is_kept
from stack.program import TCP, Program
from stack.programs import ROOT
from stack.pulse import Probe, Pulse, http_probe, liveness_of, tcp_probe

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
CALM_SECONDS = 60.0
"""A child that ran this long without a crash starts over with the first pause."""
QUESTION_SECONDS = 2.0
"""Between two questions whether a child is alive."""
SILENT, HUNG = 2, 3
"""So many questions in a row without an answer: it is shown as not answering; it hangs."""


class Phase(StrEnum):
    """Where a child is in its life."""

    STARTING = "starting"
    READY = "ready"
    SILENT = "not answering"
    WAITING = "waiting to restart"
    STOPPED = "stopped"


class Child:
    """One process and its restarts.

    Args:
        process: what runs.
        address: where people and programs find it, if it serves.
        is_alive: asks whether it makes progress, once it is ready; None: nobody asks.
        ends_hung: whether it is killed when it hangs, so that it is restarted; else it is only shown as not answering.

    Attributes:
        restart: what is done when it has crashed, `start` where nothing else is set.
        trouble: why it was or will be restarted last.
    """

    def __init__(
        self, process: Process, *, address: str | None = None, is_alive: Probe | None = None, ends_hung: bool = False
    ) -> None:
        self.process = process
        self.address = address
        self.trouble: str | None = None
        self._is_alive = is_alive
        self._ends_hung = ends_hung
        self._pulse: Pulse | None = None
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
        self._pulse = None
        self._enter(Phase.STARTING)

    def stop(self, seconds: float) -> None:
        """Stop it for good."""
        self.process.stop(seconds)
        self._enter(Phase.STOPPED)

    def watch(self) -> bool:
        """Look at it once, restart it when its pause is over; tells whether its phase changed."""
        before, now = self.phase, time.monotonic()
        if self._runs and self.process.exit_code is not None:
            is_hung = self._ends_hung and self._pulse is not None and self._pulse.misses >= HUNG
            self.trouble = (
                f"did not respond {HUNG} times in a row" if is_hung else f"exit code {self.process.exit_code}"
            )
            self._pause = FIRST_PAUSE if now - self._since > CALM_SECONDS else min(self._pause * 2, LONGEST_PAUSE)
            self._enter(Phase.WAITING)
        elif self.phase is Phase.WAITING and now - self._since >= self._pause:
            self.restarts += 1
            self._try_to_restart()
        elif self.phase is Phase.STARTING and self.process.serves():
            self._pulse = Pulse(self._is_alive, QUESTION_SECONDS) if self._is_alive else None
            self._enter(Phase.READY)
        elif self._pulse is not None and self._runs:
            self._feel(self._pulse)
        return self.phase is not before

    def _try_to_restart(self) -> None:
        """One that cannot be started, for instance because the disk is full, is tried again, and ends no other."""
        try:
            self.restart()
        except (OSError, PartError) as error:
            self.trouble = str(error)
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
            self._enter(Phase.WAITING)

    @property
    def _runs(self) -> bool:
        return self.phase in (Phase.STARTING, Phase.READY, Phase.SILENT)

    def _feel(self, pulse: Pulse) -> None:
        pulse.look()
        phase = Phase.SILENT if pulse.misses >= SILENT else Phase.READY
        if phase is not self.phase:
            self._enter(phase)
        if pulse.misses >= HUNG and self._ends_hung:
            self.process.kill()

    def status(self) -> dict[str, object]:
        """What `tanawari status` shows of it."""
        return {
            "state": self.phase.value,
            "pid": self.process.pid,
            "restarts": self.restarts,
            "trouble": self.trouble,
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
        is_ready=http_probe(f"{address}{program.probe}", 1) if address else tcp_probe(port) if port else lambda: True,
    )
    is_alive = liveness_of(program, port) if port and program.alive else None
    return Child(process, address=address, is_alive=is_alive, ends_hung=True)


def stop_together(children: Iterable[Child], seconds: float) -> None:
    """Stop several at the same time, each within the time."""
    alive = list(children)
    with ThreadPoolExecutor(len(alive) or 1) as pool:
        list(pool.map(lambda child: child.stop(seconds), alive))


@contextlib.contextmanager
def frozen(children: Iterable[Child]) -> Iterator[None]:
    """Let several, and what they started in their sessions, stand still for a moment; connections to them wait.

    Keepers alone go on: if we are killed meanwhile, one that stood still would never end what it keeps.
    """
    processes = {child.process.pid: is_kept(child.process.command) for child in children if child.process.pid}
    try:
        _signal(os.killpg, processes, signal.SIGSTOP)
        _signal(os.kill, [pid for pid, is_keeper in processes.items() if is_keeper], signal.SIGCONT)
        yield
    finally:
        _signal(os.killpg, processes, signal.SIGCONT)


def _signal(send: Callable[[int, int], None], targets: Iterable[int], number: signal.Signals) -> None:
    for target in targets:
        with contextlib.suppress(ProcessLookupError):
            send(target, number)
