"""Starts and stops the supervisor of a state from another process, and tells what happens meanwhile."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from stack.environment import Environment
from stack.files import read_json
from stack.outside import as_started
from stack.parts import kafka_jars
from stack.parts.process import PartError, Process
from stack.programs import ROOT
from stack.state import BrokerKind, State, StateError

POLL_SECONDS = 0.1
START_SECONDS = 600.0
STOP_SECONDS = 240.0

Tell = Callable[[str], None]


class OurSupervisor(Process):
    """A supervisor that stops in order when the command that started it dies."""

    death_signal = signal.SIGTERM


def start(state: State, pinned: Mapping[str, int], *, stays: bool) -> None:
    """Start the supervisor; `wait_until` tells when it has come how far.

    Args:
        state: whose.
        pinned: ports that must be used, by name.
        stays: whether it outlives this process.

    Raises:
        StateError: it runs already, or a pinned port is taken.
        PartError: the state's broker is Apache Kafka, and something that it needs is missing.
    """
    if state.supervisor:
        raise StateError(f"the stack of {state.directory} is already running: see tanawari status")
    # a taken port is told here, at once; so are settings that do not fit together, and what Apache Kafka lacks
    environment = Environment.starting(state, pinned)
    if environment.runs(BrokerKind.APACHE):
        kafka_jars.class_path()
    outside = as_started(state)  # paths of our own working directory would not hold in the supervisor's
    command = [sys.executable, "-m", "stack.supervisor", str(state.directory)]
    log = state.log("supervisor")
    log.unlink(missing_ok=True)
    state.path("run", "status.json").unlink(missing_ok=True)
    if stays:
        with log.open("ab") as output:
            subprocess.Popen(  # noqa: S603 - our own module
                command,
                cwd=ROOT,
                env=outside,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
    else:
        OurSupervisor("supervisor", command, log, environment=outside, directory=ROOT).spawn()


def wait_until(state: State, phase: str, tell: Tell) -> dict[str, Any]:
    """Wait until the supervisor has come to a phase; its status.

    Args:
        state: whose.
        phase: `serving`, once the shop answers, or `running`, once its tools do as well.
        tell: is given a line for each step of the start that is done.

    Raises:
        PartError: something did not start.
    """
    deadline = time.monotonic() + START_SECONDS
    told, was_seen = 0, False
    while time.monotonic() < deadline:
        is_there = state.supervisor is not None
        was_seen = was_seen or is_there
        status = read_json(state.path("run", "status.json"))
        for step in status.get("steps", [])[told:]:
            tell(f"{step['name']} ({step['seconds']:.1f} s)")
            told += 1
        if is_there and status.get("phase") in (phase, "running"):
            return status
        if status.get("error") or (was_seen and not is_there):
            raise PartError(str(status.get("error") or f"the supervisor ended; see {state.log('supervisor')}"))
        time.sleep(POLL_SECONDS)
    raise PartError(f"the stack did not start within {START_SECONDS:.0f} s; see {state.log('supervisor')}")


def stop(state: State, tell: Tell) -> bool:
    """Ask the supervisor to stop in order and wait for it.

    Returns:
        Whether everything that was acknowledged has reached the warehouse; True if nothing ran.
    """
    pid = state.supervisor
    if pid is None:
        return True
    tell("stopping: closing the gateway, draining, then stopping the servers")
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while state.supervisor:
        if time.monotonic() > deadline:
            raise PartError(f"the supervisor (pid {pid}) has not ended; see {state.log('supervisor')}")
        time.sleep(POLL_SECONDS)
    return bool(state.status().get("drained", False))
