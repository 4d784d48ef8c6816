"""The command `tanawari`: the local stack, its data, and what an operator does with them."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from stack import control, show
from stack.parts.process import PartError
from stack.state import DEFAULT_DIRECTORY, State, StateError
from stack.supervisor import supervise

commands = typer.Typer(
    help="Tanawari on this machine: start it, feed it, look at it, stop it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
screen = Console(highlight=False)

StateOption = Annotated[
    Path, typer.Option("--state", envvar="TANAWARI_STATE", help="The directory that keeps everything.", metavar="DIR")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for a script.")]
PortsOption = Annotated[
    list[str] | None,
    typer.Option("--port", help="Give a part this port from now on, e.g. gateway=8080.", metavar="PART=PORT"),
]


def tell(line: str) -> None:
    """Print one line of progress."""
    screen.print(line, soft_wrap=True)


def pins(ports: list[str] | None) -> dict[str, int]:
    """`PART=PORT` options as a table."""
    try:
        return {name: int(port) for name, port in (pair.split("=") for pair in ports or ())}
    except ValueError as error:
        raise typer.BadParameter("expected PART=PORT, e.g. gateway=8080") from error


@commands.command()
def up(
    state: StateOption = DEFAULT_DIRECTORY,
    port: PortsOption = None,
    *,
    foreground: Annotated[bool, typer.Option("--foreground", help="Stay until Ctrl-C instead of returning.")] = False,
) -> None:
    """Start everything that this state holds, and print the addresses. It runs on until `tanawari down`."""
    here = State(state)
    with here.locked():
        if foreground:
            raise typer.Exit(supervise(here, pins(port)))
        status = control.start(here, pins(port), tell, stays=True)
    screen.print(show.addresses_table(status))


@commands.command()
def down(state: StateOption = DEFAULT_DIRECTORY) -> None:
    """Stop everything: close the intake, drain outboxes, landing and consumers, then stop the servers."""
    if not control.stop(State(state), tell):
        raise PartError(f"stopped, but not everything was drained; see {State(state).log('supervisor')}")


@commands.command()
def status(state: StateOption = DEFAULT_DIRECTORY, *, as_json: JsonOption = False) -> None:
    """Show what runs, where it answers, and how often it was restarted. Exit code 3 when nothing runs."""
    found = State(state).status()
    if as_json:
        screen.print_json(data={**found, "addresses": show.addresses(found)})
    elif found["phase"] == "stopped":
        tell("stopped")
    else:
        screen.print(show.processes_table(found))
        screen.print(show.addresses_table(found))
    if found["phase"] == "stopped":
        raise typer.Exit(3)


@commands.command()
def logs(
    name: Annotated[str | None, typer.Argument(help="A process; without one, the names are listed.")] = None,
    state: StateOption = DEFAULT_DIRECTORY,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as the log grows.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many lines from the end.")] = 100,
) -> None:
    """Print the end of a process's log."""
    here = State(state)
    names = sorted(file.stem for file in here.path("logs").glob("*.log"))
    if name is None:
        tell("\n".join(names) or "no logs yet")
        return
    if name not in names:
        raise StateError(f"there is no log of {name}; there are: {', '.join(names) or 'none yet'}")
    tail = ["tail", "-n", str(lines), *(["-f"] if follow else []), str(here.log(name))]
    raise typer.Exit(subprocess.call(tail))  # noqa: S603 - the name is one of our own files


@commands.command()
def reset(
    state: StateOption = DEFAULT_DIRECTORY,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Stop everything and remove the state directory with all its data."""
    if not state.exists():
        tell(f"there is nothing at {state}")
        return
    here = State(state)
    if not yes and not typer.confirm(f"Remove {here.directory} with all its data?"):
        raise typer.Exit(1)
    with here.locked():
        control.stop(here, tell)
        here.empty()
    tell(f"removed {here.directory}")


def app() -> None:
    """Run the command; a known fault is one clear line and exit code 1."""
    try:
        commands()
    except (StateError, PartError) as error:
        Console(stderr=True, highlight=False).print(f"[red]tanawari:[/] {error}", soft_wrap=True)
        sys.exit(1)
