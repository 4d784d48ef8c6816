"""Commands that start, show, stop and remove the stack."""

import subprocess
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from cli.options import DEFAULT_STATE, BrokerOption, JsonOption, PortsOption, StateOption, pins, screen, tell
from cli.where import announce, existing
from demo.run import Demo
from stack import control, doctor, show
from stack.parts.process import PartError
from stack.removal import finish_removals, remove
from stack.state import State, StateError

COLOURS = {doctor.Level.OK: "green", doctor.Level.NOTE: "yellow", doctor.Level.FAULT: "red"}
FEWEST_DAYS = 70
"""Two windows of 28 days for the evaluation, and some history before them."""


def demo(
    state: StateOption = DEFAULT_STATE,
    port: PortsOption = None,
    broker: BrokerOption = None,
    users: Annotated[int | None, typer.Option(min=20, help="Use only this many users, the most active.")] = None,
    days: Annotated[int | None, typer.Option(min=FEWEST_DAYS, help="Use only the last this many days.")] = None,
    *,
    leave: Annotated[bool, typer.Option("--exit", help="Stop everything at the end instead of serving.")] = False,
) -> None:
    """Build and serve a shop on real retail data (Complete Journey). A repeated run does only what is missing.

    Prints the addresses of the shop and its tools, and writes demo.json in the state. Ctrl-C stops everything.
    """
    doctor.refuse_unfit(state)
    here = State(state)
    announce(here)
    here.choose_broker(broker)
    Demo(here, screen, users, days).run(pins(port), exits=leave)


def up(
    state: StateOption = DEFAULT_STATE,
    port: PortsOption = None,
    broker: BrokerOption = None,
    *,
    foreground: Annotated[bool, typer.Option("--foreground", help="Run until Ctrl-C instead of returning.")] = False,
) -> None:
    """Start the stack of this state and print its addresses. It runs until `tanawari down`."""
    doctor.refuse_unfit(state)
    here = State(state)
    announce(here)
    with here.locked():
        here.choose_broker(broker)
        started, status = control.bring_up(here, pins(port), tell, stays=not foreground)
    screen.print(show.addresses_table(show.addresses(status)))
    if foreground:
        _stay(here, started)


def _stay(state: State, started: control.Started) -> None:
    """Stay until Ctrl-C, or until another command stops the stack; other commands may use the state meanwhile."""
    tell("Press Ctrl-C to stop everything.")
    try:
        control.stay(state)
    except KeyboardInterrupt:
        if not control.stop(state, tell, started):
            raise PartError(f"stopped, but not everything was drained; see {state.log('supervisor')}") from None


def down(state: StateOption = DEFAULT_STATE) -> None:
    """Stop everything: stop the gateway, drain outboxes, landing and consumers, then stop the servers."""
    if not State.version_of(state):
        tell(f"there is no stack in {state}")
        return
    here = State(state)
    announce(here, will_start=False)
    if not control.stop(here, tell):
        raise PartError(f"stopped, but not everything was drained; see {here.log('supervisor')}")


def logs(
    name: Annotated[str | None, typer.Argument(help="The process; without one, list the names.")] = None,
    state: StateOption = DEFAULT_STATE,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Follow the log as it grows.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="Number of lines from the end.")] = 100,
) -> None:
    """Print the end of a process's log."""
    here = existing(state)
    names = sorted(file.stem for file in here.path("logs").glob("*.log"))
    if name is None:
        tell("\n".join(names) or "no logs yet")
        return
    if name not in names:
        raise StateError(f"there is no log of {name}; available: {', '.join(names) or 'none yet'}")
    tail = ["tail", "-n", str(lines), *(["-f"] if follow else []), str(here.log(name))]
    raise typer.Exit(subprocess.call(tail))  # noqa: S603 - the name is one of our own files


def reset(
    state: StateOption = DEFAULT_STATE,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """Stop everything and delete the state directory with all its data."""
    if state.is_symlink():
        raise StateError(f"{state} is a symbolic link: use --state {state.resolve()}, then remove the link")
    if not state.exists():
        finish_removals(state.absolute())
        tell(f"{state} does not exist")
        return
    here = State(state)
    if not yes and not typer.confirm(f"Delete {here.directory} with all its data?"):
        raise typer.Exit(1)
    with here.locked():
        control.stop(here, tell)
        remove(here.directory)
    tell(f"deleted {here.directory}")


def examine(state: StateOption = DEFAULT_STATE, *, as_json: JsonOption = False) -> None:
    """Check for problems (ports, disk, versions, stale state, missing parts) and name the remedies."""
    findings = doctor.examine(state)
    if as_json:
        screen.print_json(data=[asdict(finding) for finding in findings])
    else:
        table = Table(box=None, pad_edge=False, show_header=False)
        for finding in findings:
            mark = f"[{COLOURS[finding.level]}]{finding.level.value}[/]"
            table.add_row(mark, finding.subject, finding.message, finding.remedy)
        screen.print(table)
    if any(finding.level is doctor.Level.FAULT for finding in findings):
        raise typer.Exit(1)
