"""The command that shows what runs. It is asked often, by scripts too, so it imports little."""

import typer

from cli.options import DEFAULT_STATE, JsonOption, StateOption, screen, tell
from stack import show
from stack.state import State


def status(state: StateOption = DEFAULT_STATE, *, as_json: JsonOption = False) -> None:
    """Show what runs, where it answers, and how often it was restarted. Exit code 3 when nothing runs."""
    found = State(state).status() if State.version_of(state) else {"phase": "stopped", "processes": {}}
    if as_json:
        screen.print_json(data={**found, "addresses": show.addresses(found)})
    elif found["phase"] == "stopped":
        tell("stopped")
    else:
        screen.print(show.processes_table(found))
        screen.print(show.addresses_table(found))
    if found["phase"] == "stopped":
        raise typer.Exit(3)
