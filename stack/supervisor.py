"""The supervisor: starts all processes in order, restarts those that crash, and stops them without losing events.

It runs as `python -m stack.supervisor STATE`. Every child has a death signal, so that none is orphaned even if the
supervisor is killed.
"""

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NoReturn

from services.contracts.setting_errors import SettingError
from stack import preparation
from stack.children import Child, Phase, child_of, frozen, stop_together
from stack.dagster_home import configure_dagster
from stack.databases import revoke_public_access
from stack.deadlines import STOP_SECONDS
from stack.deletions import hand_on_deletions
from stack.drain import drain
from stack.environment import Environment
from stack.files import write_json
from stack.logs import rotate
from stack.parts.postgres import Postgres
from stack.parts.process import PartError
from stack.program import Program
from stack.programs import PROGRAMS
from stack.reconciliation import landing_totals
from stack.servers import PARTS, servers
from stack.state import BrokerKind, Pins, State, StateError, held

logger = logging.getLogger("tanawari.supervisor")

START_SECONDS = 300.0
"""Only a program that hangs takes this long: after its third crash the start fails."""
BROKER_SECONDS = 5.0
STATE_SECONDS = 10.0
"""Between two checks of the state itself: whether it exists, and how large its logs are."""
TICK_SECONDS = 0.2


class Stop(KeyboardInterrupt):
    """A request to stop; the signal handler raises it at any point of the program.

    It is a KeyboardInterrupt, because an event loop catches other exceptions.
    """


class Supervisor:
    """All processes of one state.

    Args:
        state: the state.
        pinned: ports that must be used, by name.
        programs: the programs to run beside the servers.
    """

    def __init__(self, state: State, pinned: Pins | None = None, programs: Sequence[Program] = PROGRAMS) -> None:
        self.state = state
        self._programs = programs
        table = (*PROGRAMS, *(program for program in programs if program not in PROGRAMS))
        self.environment = Environment.starting(state, pinned, programs=table)
        self.parts: dict[str, Child] = {}
        self.programs: dict[str, Child] = {}
        self._steps: list[dict[str, object]] = []
        self._phase = "starting"
        self._has_drained = True
        self._error: str | None = None
        self._landed_before: dict[str, dict[str, int]] = {}
        self._state_seen_at = 0.0
        self._is_gone = False
        self._is_asked_to_stop = False

    def run(self) -> int:
        """Run until SIGTERM or SIGINT; 0 if every acknowledged event is in the warehouse."""
        try:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self._raise_stop)
            self._start()
            while True:
                self._watch()
                self._check_state()
                time.sleep(TICK_SECONDS)
        except Stop:
            logger.info("stopping")
        except Exception as error:
            if isinstance(error, PartError | StateError | SettingError):
                logger.error("%s", error)  # noqa: TRY400 - one clear line; the other logs have details
            else:
                logger.exception("ended")
            self._error = str(error)
            self._has_drained = False
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)
            self._stop()
        return 0 if self._has_drained else 1

    def _start(self) -> None:
        self._step("servers", self._start_parts)
        self._step("schemas and topics", self._prepare)
        for is_tool in (False, True):
            group = {p.name: child_of(p, self.environment) for p in self._programs if p.tool is is_tool}
            self.programs |= group
            for child in group.values():
                child.start()
            self._step("tools" if is_tool else "services", partial(self._wait_ready, group))
            self._report("running" if is_tool else "serving")

    def _start_parts(self) -> None:
        self.parts |= servers(self.environment)
        if self.environment.runs(BrokerKind.EMBEDDED):
            self.parts["broker"].restart = self._restart_broker
        for child in self.parts.values():
            child.start()
        self._wait_ready(self.parts)

    def _prepare(self) -> None:
        environment = self.environment
        if "postgres" in self.parts:
            server = self.parts["postgres"].process
            assert isinstance(server, Postgres)
            revoke_public_access(server.url())
            preparation.make_databases(environment.variables, server.url(), environment.programs)
        preparation.make_topics(environment.kafka)
        preparation.migrate(environment.variables, self.state.log("migrations"), environment.programs)
        hand_on_deletions(environment.variables)
        configure_dagster(environment)
        self._landed_before = landing_totals(self.environment.variables)

    def _wait_ready(self, children: Mapping[str, Child], seconds: float = START_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not all(child.phase is Phase.READY for child in children.values()):
            self._watch()
            late = [child for child in children.values() if child.phase is not Phase.READY]
            hopeless = [child for child in late if child.restarts >= 3]  # noqa: PLR2004 - the third crash in a row
            if late and (hopeless or time.monotonic() > deadline):
                child = (hopeless or late)[0]
                raise PartError(f"{child.name} did not start: {child.process.last_words()} (see {child.process.log})")
            time.sleep(TICK_SECONDS / 4)

    def _raise_stop(self, *_: object) -> NoReturn:
        self._is_asked_to_stop = True
        raise Stop

    def _watch(self) -> None:
        if self._is_asked_to_stop:  # a callback may have caught the exception of the handler
            raise Stop
        changed = False
        for child in (*self.parts.values(), *self.programs.values()):
            if child.watch():
                changed = True
                why = f": {child.trouble}" if child.phase is Phase.WAITING else ""
                logger.info("%s is %s%s", child.name, child.phase.value, why)
        if changed:
            self._report(self._phase)

    def _check_state(self) -> None:
        if time.monotonic() < self._state_seen_at + STATE_SECONDS:
            return
        self._state_seen_at = time.monotonic()
        if not self._has_state():  # no command can find us any more, and a restarted part would make data anew
            self._is_gone = True
            raise PartError(f"{self.state.directory} was removed")
        for log in self.state.path("logs").glob("*.log"):
            try:
                rotate(log)
            except OSError as error:
                logger.warning("%s cannot be rotated: %s", log, error)

    def _has_state(self) -> bool:
        """Whether the state is still there, and no other one in its place."""
        try:
            return self.state.supervisor_lock.read_text().startswith(f"{os.getpid()} ")
        except FileNotFoundError:
            return False

    def _restart_broker(self) -> None:
        """Restart the embedded broker, which is empty then, and create its topics while all programs are stopped.

        Otherwise it would create a topic at the first request, with other partitions, and lose its messages when the
        topic is created as declared. Consumers detect the new log by themselves, and programs continue to serve.
        """
        broker = self.parts["broker"]
        with frozen(self.programs.values()):
            broker.start()
            try:
                broker.process.wait_ready(BROKER_SECONDS)
                preparation.make_topics(self.environment.kafka)
            except PartError as error:
                logger.warning("the broker is not usable: %s", error)
                broker.process.kill()  # so that the restart is retried

    def _stop(self) -> None:
        """Stop in order; a stage that fails, for example on a full disk, does not prevent the next ones."""
        intake = [self.programs[each.name] for each in self._programs if each.is_intake and each.name in self.programs]
        landing = [child for name, child in self.programs.items() if name == "landing"]
        others = [child for child in self.programs.values() if child not in (*intake, *landing)]
        stages: dict[str, Callable[[], None]] = {
            "stopping the intake": partial(stop_together, intake, STOP_SECONDS),
            "draining": self._drain,
            "stopping the programs": partial(stop_together, others, STOP_SECONDS),
            "draining the landing": partial(self._drain, services=False),
            "stopping the landing": partial(stop_together, landing, STOP_SECONDS),
            "stopping the servers": partial(stop_together, self.parts.values(), STOP_SECONDS),
        }
        self._report("stopping")
        for name, stage in stages.items():
            try:
                stage()
            except Exception:
                logger.exception("%s failed", name)
                self._has_drained = False
        self._report("stopped", drained=self._has_drained)

    def _drain(self, *, services: bool = True) -> None:
        is_due = self.programs if services else "landing" in self.programs
        if is_due and "broker" in self.parts and not self._is_gone:  # an external one keeps what is in flight
            self._has_drained = asyncio.run(drain(self.environment, services=services)) and self._has_drained

    def _step(self, name: str, action: Callable[[], None]) -> None:
        started = time.monotonic()
        self._report(self._phase, doing=name)
        action()
        self._steps.append({"name": name, "seconds": round(time.monotonic() - started, 1)})

    def _report(self, phase: str, **more: object) -> None:
        self._phase = phase
        if self._is_gone:  # another state may stand in its place
            return
        children = {**self.parts, **self.programs}
        processes = {name: child.status() for name, child in children.items()}
        for part in PARTS:
            if not self.environment.needs(part):
                processes[part] = {
                    **dict.fromkeys(("pid", "trouble", "address", "log")),
                    "state": "external",
                    "restarts": 0,
                }
        content = {
            "phase": phase,
            "steps": self._steps,
            "processes": processes,
            "landed_before": self._landed_before,
            "error": self._error,
            **more,
        }
        try:
            write_json(self.state.path("run", "status.json"), content)
        except OSError as error:  # a full disk must not end the supervisor
            logger.error("the status cannot be written: %s", error)  # noqa: TRY400 - the trace adds nothing


def supervise(state: State, pinned: Pins | None = None, programs: Sequence[Program] = PROGRAMS) -> int:
    """Run the supervisor of a state in this process; returns its exit code.

    Raises:
        StateError: one is already running.
    """
    with held(state.supervisor_lock) as is_ours:
        if not is_ours:
            raise StateError(f"the stack of {state.directory} is already running")
        state.path("run", "status.json").unlink(missing_ok=True)
        return Supervisor(state, pinned, programs).run()


def main() -> None:
    """Run the supervisor of the state named on the command line."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("aiokafka").setLevel(logging.WARNING)
    try:
        sys.exit(supervise(State(Path(sys.argv[1]))))
    except (StateError, SettingError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
