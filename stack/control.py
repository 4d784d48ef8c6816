"""Starts and stops the supervisor of a state from another process, and tells what happens meanwhile."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from stack.deadlines import WHOLE_STOP_SECONDS
from stack.environment import Environment
from stack.files import read_json
from stack.logs import rotate
from stack.outside import as_started
from stack.parts import kafka_jars
from stack.parts.process import PartError, tethered
from stack.programs import ROOT
from stack.state import BrokerKind, Pins, State, StateError

POLL_SECONDS = 0.1
START_SECONDS = 600.0

Tell = Callable[[str], None]
Started = subprocess.Popen[bytes]


def start(state: State, pinned: Pins, *, stays: bool) -> Started:
    """Start the supervisor; `wait_until` tells when it has come how far.

    Args:
        state: whose.
        pinned: ports that must be used, by name.
        stays: whether it outlives this process; else it stops in order when this process dies.

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
    command = [sys.executable, "-m", "stack.supervisor", str(state.directory)]
    log = state.log("supervisor")
    rotate(log)
    state.path("run", "status.json").unlink(missing_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - our own module
            command if stays else tethered(command, signal.SIGTERM, None),
            cwd=ROOT,
            env=as_started(state),  # paths of our own working directory would not hold in the supervisor's
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C in the terminal reaches us alone
        )


def wait_until(state: State, phase: str, tell: Tell, started: Started | None = None) -> dict[str, Any]:
    """Wait until the supervisor has come to a phase; its status.

    Args:
        state: whose.
        phase: `serving`, once the shop answers, or `running`, once its tools do as well.
        tell: is given a line for each step of the start that is done.
        started: the supervisor, if it is ours.

    Raises:
        PartError: something did not start.
    """
    deadline = time.monotonic() + START_SECONDS
    told, was_seen = 0, False
    while time.monotonic() < deadline:
        has_ended = started is not None and started.poll() is not None  # looked at first: its last status counts
        is_there = state.supervisor is not None
        was_seen = was_seen or is_there
        status = read_json(state.path("run", "status.json"))
        for step in status.get("steps", [])[told:]:
            tell(f"{step['name']} ({step['seconds']:.1f} s)")
            told += 1
        if is_there and status.get("phase") in (phase, "running"):
            return status
        if status.get("error") or has_ended or (was_seen and not is_there):
            raise PartError(str(status.get("error") or f"the supervisor ended; see {state.log('supervisor')}"))
        time.sleep(POLL_SECONDS)
    raise PartError(f"the stack did not start within {START_SECONDS:.0f} s; see {state.log('supervisor')}")


def bring_up(state: State, pinned: Pins, tell: Tell, *, stays: bool) -> tuple[Started, dict[str, Any]]:
    """Start the supervisor and wait until everything runs; it, and its status. What does not start leaves nothing.

    Raises:
        StateError: as `start` does.
        PartError: something did not start.
    """
    started = None
    try:
        started = start(state, pinned, stays=stays)
        return started, wait_until(state, "running", tell, started)
    except (KeyboardInterrupt, PartError):
        if started is not None:
            stop(state, tell, started)
        raise


def stop(state: State, tell: Tell, started: Started | None = None) -> bool:
    """Ask the supervisor to stop in order and wait for it.

    Args:
        state: whose.
        tell: is given a line.
        started: the supervisor, if it is ours: it may have been started just now.

    Returns:
        Whether everything that was acknowledged has reached the warehouse; True if nothing ran.
    """
    pid = state.supervisor or (started.pid if started is not None and started.poll() is None else None)
    if pid is None:
        return True
    tell("stopping: closing the gateway, draining, then stopping the servers")
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + WHOLE_STOP_SECONDS
    while state.supervisor or (started is not None and started.poll() is None):
        if time.monotonic() > deadline:
            raise PartError(f"the supervisor (pid {pid}) has not ended; see {state.log('supervisor')}")
        time.sleep(POLL_SECONDS)
    return bool(state.status().get("drained", False))


def stay(state: State) -> None:
    """Wait until another command stops the stack.

    Raises:
        PartError: it has ended by itself.
    """
    while state.supervisor:
        time.sleep(POLL_SECONDS)
    if state.directory.exists() and not state.status().get("drained"):
        raise PartError(f"the supervisor has ended; see {state.log('supervisor')}")
