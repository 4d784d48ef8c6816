"""A supervised child process: started, probed, and restarted after a crash or a hang, with growing pauses."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum

from stack.environment import Environment
from stack.liveness import Liveness, Probe, http_probe, liveness_of, tcp_probe
from stack.parts.process import PartError, Process, has_subreaper
from stack.program import TCP, Program
from stack.programs import ROOT

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
CALM_SECONDS = 60.0
"""After this time without a crash the next pause is the first one again."""
PROBE_SECONDS = 2.0
"""Between two liveness probes of a child."""
SILENT, HUNG = 2, 3
"""The numbers of failed probes in a row after which a child is shown as not answering, and counts as hung."""


class Phase(StrEnum):
    """The state of a child."""

    STARTING = "starting"
    READY = "ready"
    SILENT = "not answering"
    WAITING = "waiting to restart"
    STOPPED = "stopped"


class Child:
    """One process and its restarts.

    Args:
        process: the process.
        address: its address for people and programs, if it serves.
        is_alive: the liveness probe, used once it is ready; None for no probe.
        ends_hung: whether it is killed when it hangs, and so restarted; otherwise it is only shown as not answering.

    Attributes:
        restart: how it is restarted after a crash; `start` unless another function is set.
        trouble: the reason of the last restart.
    """

    def __init__(
        self, process: Process, *, address: str | None = None, is_alive: Probe | None = None, ends_hung: bool = False
    ) -> None:
        self.process = process
        self.address = address
        self.trouble: str | None = None
        self._is_alive = is_alive
        self._ends_hung = ends_hung
        self._liveness: Liveness | None = None
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
        """Start it; `watch` reports when it is ready."""
        self.process.spawn()
        self._liveness = None
        self._enter(Phase.STARTING)

    def stop(self, seconds: float) -> None:
        """Stop it for good."""
        self.process.stop(seconds)
        self._enter(Phase.STOPPED)

    def watch(self) -> bool:
        """Check it once, and restart it when its pause is over; returns whether its phase changed."""
        before, now = self.phase, time.monotonic()
        if self._runs and self.process.exit_code is not None:
            is_hung = self._ends_hung and self._liveness is not None and self._liveness.misses >= HUNG
            self.trouble = (
                f"did not respond {HUNG} times in a row" if is_hung else f"exit code {self.process.exit_code}"
            )
            self._pause = FIRST_PAUSE if now - self._since > CALM_SECONDS else min(self._pause * 2, LONGEST_PAUSE)
            self._enter(Phase.WAITING)
        elif self.phase is Phase.WAITING and now - self._since >= self._pause:
            self.restarts += 1
            self._try_to_restart()
        elif self.phase is Phase.STARTING and self.process.serves():
            self._liveness = Liveness(self._is_alive, PROBE_SECONDS) if self._is_alive else None
            self._enter(Phase.READY)
        elif self._liveness is not None and self._runs:
            self._check(self._liveness)
        return self.phase is not before

    def _try_to_restart(self) -> None:
        """Restart it; a failure, such as a full disk, is retried later and does not affect other children."""
        try:
            self.restart()
        except (OSError, PartError) as error:
            self.trouble = str(error)
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
            self._enter(Phase.WAITING)

    @property
    def _runs(self) -> bool:
        return self.phase in (Phase.STARTING, Phase.READY, Phase.SILENT)

    def _check(self, liveness: Liveness) -> None:
        liveness.check()
        phase = Phase.SILENT if liveness.misses >= SILENT else Phase.READY
        if phase is not self.phase:
            self._enter(phase)
        if liveness.misses >= HUNG and self._ends_hung:
            self.process.kill()

    def status(self) -> dict[str, object]:
        """Its row in `tanawari status`."""
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
    """The child of a program, with its own environment and log."""
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
    """Stop several children concurrently, each within the given time."""
    alive = list(children)
    with ThreadPoolExecutor(len(alive) or 1) as pool:
        list(pool.map(lambda child: child.stop(seconds), alive))


@contextlib.contextmanager
def frozen(children: Iterable[Child]) -> Iterator[None]:
    """Stop several children and their sessions with SIGSTOP during the context; connections to them wait.

    Subreapers continue: if this process is killed meanwhile, a stopped one would never end its session.
    """
    processes = {child.process.pid: has_subreaper(child.process.command) for child in children if child.process.pid}
    try:
        _signal(os.killpg, processes, signal.SIGSTOP)
        _signal(os.kill, [pid for pid, is_subreaper in processes.items() if is_subreaper], signal.SIGCONT)
        yield
    finally:
        _signal(os.killpg, processes, signal.SIGCONT)


def _signal(send: Callable[[int, int], None], targets: Iterable[int], number: signal.Signals) -> None:
    for target in targets:
        with contextlib.suppress(ProcessLookupError):
            send(target, number)
