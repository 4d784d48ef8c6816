"""`tanawari restart`: the whole stack, or one of its programs."""

import os
import signal
import time
from typing import Annotated

import typer

from cli.options import DEFAULT_STATE, StateOption, screen, tell
from cli.where import announce, existing
from stack import control, show
from stack.parts.process import PartError
from stack.servers import PARTS
from stack.state import State, StateError

PROGRAM_SECONDS = 120.0
POLL_SECONDS = 0.1


def restart(
    name: Annotated[
        str | None, typer.Argument(help="A program, as shown by `status`; without one, everything.")
    ] = None,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Stop cleanly and start again: everything with the current variables, or one program with its own."""
    here = existing(state)
    if name is not None:
        announce(here, will_start=False)
        tell(f"{name} is running again, pid {_restart_program(here, name)}")
        return
    announce(here)
    with here.locked():
        if not control.stop(here, tell):
            raise PartError(
                f"stopped, but not everything was drained; see {here.log('supervisor')}, then run tanawari up"
            )
        _, status = control.bring_up(here, {}, tell, stays=True)
    screen.print(show.addresses_table(show.addresses(status)))


def _restart_program(state: State, name: str) -> int:
    """Stop a program and wait until the supervisor has started it again; its new pid.

    Raises:
        StateError: there is no such program, or it is a server, which others depend on.
        PartError: it did not start in time.
    """
    if not state.supervisor:
        raise StateError(f"the stack of {state.directory} is not running: start it with tanawari up")
    processes = state.status()["processes"]
    programs = [each for each in processes if each not in PARTS]
    if name not in programs:
        raise StateError(f"{name} cannot be restarted alone; available: {', '.join(programs)}")
    before = processes[name]["pid"]
    if before is None:
        raise StateError(f"{name} is {processes[name]['state']}: see tanawari logs {name}")
    os.kill(before, signal.SIGTERM)
    deadline = time.monotonic() + PROGRAM_SECONDS
    while time.monotonic() < deadline:
        now = state.status()["processes"].get(name, {})
        if now.get("state") == "ready" and now["pid"] not in (None, before):
            return int(now["pid"])
        time.sleep(POLL_SECONDS)
    raise PartError(f"{name} was not ready again within {PROGRAM_SECONDS:.0f} s: see tanawari logs {name}")
