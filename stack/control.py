"""Starts and stops the supervisor of a state from another process, and reports its progress."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from stack.deadlines import WHOLE_STOP_SECONDS
from stack.environment import Environment
from stack.external import as_started
from stack.files import read_json
from stack.logs import rotate
from stack.parts.kafka import class_archive
from stack.parts.process import PartError, bound_to_parent
from stack.programs import ROOT
from stack.removal import finish_removals
from stack.state import BrokerKind, Pins, State, StateError

POLL_SECONDS = 0.1
START_SECONDS = 600.0

Tell = Callable[[str], None]
Started = subprocess.Popen[bytes]


def start(state: State, pinned: Pins, *, stays: bool) -> Started:
    """Start the supervisor; `wait_until` waits for a phase.

    Args:
        state: the state.
        pinned: ports that must be used, by name.
        stays: whether it outlives this process; otherwise it stops in order when this process dies.

    Raises:
        StateError: it is already running, or a pinned port is in use.
        PartError: the state's broker is Apache Kafka, and Java, Maven or the jars are missing.
    """
    if state.supervisor:
        raise StateError(f"the stack of {state.directory} is already running: see tanawari status")
    finish_removals(state.directory)
    # ports in use, inconsistent settings and missing requirements of Apache Kafka are reported here, before the start
    environment = Environment.starting(state, pinned)
    if environment.runs(BrokerKind.APACHE):
        class_archive()
    command = [sys.executable, "-m", "stack.supervisor", str(state.directory)]
    log = state.log("supervisor")
    rotate(log)
    state.path("run", "status.json").unlink(missing_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - our own module
            command if stays else bound_to_parent(command, signal.SIGTERM, None),
            cwd=ROOT,
            env=as_started(state),  # with absolute paths, because the working directory changes
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C in the terminal reaches this process only
        )


def wait_until(state: State, phase: str, tell: Tell, started: Started | None = None) -> dict[str, Any]:
    """Wait until the supervisor has reached a phase; returns its status.

    Args:
        state: the state.
        phase: `serving`: the shop responds; `running`: the tools respond too.
        tell: called with a line for each completed step.
        started: the supervisor, if this process started it.

    Raises:
        PartError: a part did not start.
    """
    deadline = time.monotonic() + START_SECONDS
    told, was_seen = 0, False
    while time.monotonic() < deadline:
        has_ended = started is not None and started.poll() is not None  # checked first, because its last status counts
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
    """Start the supervisor and wait until everything runs; returns it and its status. A failed start leaves nothing.

    Raises:
        StateError: see `start`.
        PartError: a part did not start.
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
    """Stop the supervisor in order, and wait for its end.

    Args:
        state: the state.
        tell: called with a line.
        started: the supervisor, if this process started it: it may not have its lock yet.

    Returns:
        Whether every acknowledged event has reached the warehouse; True if nothing was running.
    """
    pid = state.supervisor or (started.pid if started is not None and started.poll() is None else None)
    if pid is None:
        return True
    tell("stopping: closing the gateway, draining, then stopping the servers")
    with contextlib.suppress(ProcessLookupError):  # it may just have ended
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
        PartError: the supervisor ended by itself.
    """
    while state.supervisor:
        time.sleep(POLL_SECONDS)
    if state.directory.exists() and not state.status().get("drained"):
        raise PartError(f"the supervisor has ended; see {state.log('supervisor')}")
