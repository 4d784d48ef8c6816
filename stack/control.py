"""Starts and stops the supervisor of a state from another process, and tells what happens meanwhile."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from stack.environment import program_ports
from stack.parts.process import PartError, Process
from stack.programs import ROOT
from stack.state import State, StateError

POLL_SECONDS = 0.1
START_SECONDS = 300.0
STOP_SECONDS = 240.0

Tell = Callable[[str], None]


class OurSupervisor(Process):
    """A supervisor that stops in order when the command that started it dies."""

    death_signal = signal.SIGTERM


def start(state: State, pinned: Mapping[str, int], tell: Tell, *, stays: bool) -> dict[str, Any]:
    """Start the supervisor and wait until everything runs; its status.

    Args:
        state: whose.
        pinned: ports that must be used, by name.
        tell: is given a line for each thing begun and done.
        stays: whether it outlives this process.

    Raises:
        StateError: it runs already, or a pinned port is taken.
        PartError: something did not start.
    """
    if state.supervisor:
        raise StateError(f"the stack of {state.directory} runs already: tanawari status")
    state.ports(program_ports(), pinned)  # a taken port is told here, at once
    command = [sys.executable, "-m", "stack.supervisor", str(state.directory)]
    log = state.log("supervisor")
    if stays:
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603 - our own module
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        has_ended: Callable[[], bool] = lambda: process.poll() is not None  # noqa: E731 - one of two probes
    else:
        ours = OurSupervisor("supervisor", command, log, directory=ROOT)
        ours.spawn()
        has_ended = lambda: ours.exit_code is not None  # noqa: E731 - the other
    try:
        return _wait_until_running(state, has_ended, tell)
    except KeyboardInterrupt:
        stop(state, tell)
        raise


def _wait_until_running(state: State, has_ended: Callable[[], bool], tell: Tell) -> dict[str, Any]:
    deadline = time.monotonic() + START_SECONDS
    told = 0
    while time.monotonic() < deadline:
        status = state.status()
        steps = status.get("steps", []) if state.supervisor else []
        for step in steps[told:]:
            tell(f"{step['name']} ({step['seconds']:.1f} s)")
        told = max(told, len(steps))
        if status["phase"] == "running":
            return status
        if status["phase"] == "failed" or has_ended():
            reason = status.get("error") or f"the supervisor ended; see {state.log('supervisor')}"
            raise PartError(str(reason))
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
    tell("stopping: intake closed, draining, then the servers")
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while state.supervisor:
        if time.monotonic() > deadline:
            raise PartError(f"the supervisor (pid {pid}) has not ended; see {state.log('supervisor')}")
        time.sleep(POLL_SECONDS)
    return bool(state.status().get("drained", False))
