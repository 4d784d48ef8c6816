"""The command that shows what runs. It is asked often, by scripts too, so it imports little."""

import os
from typing import Any

import typer

from cli.options import JsonOption, WhereOption, screen, tell
from cli.where import chosen
from stack import show
from stack.state import State

NOTHING_RUNS = 3


def status(state: WhereOption = None, *, as_json: JsonOption = False) -> None:
    """Show the processes, their addresses and restarts. Exit code 3 if nothing runs.

    For a deployment, show whether each address that is set responds; exit code 3 if one does not.
    """
    directory = chosen(state)
    if directory is None:
        found = _of_deployment()
    elif State.version_of(directory):
        found = State(directory).status()
    else:
        found = {"phase": "stopped", "processes": {}}
    if as_json:
        screen.print_json(data={**found, "addresses": show.addresses(found)})
    elif found["phase"] == "stopped":
        tell("stopped")
    else:
        screen.print(show.processes_table(found))
        screen.print(show.addresses_table(show.addresses(found)))
    if found["phase"] in ("stopped", "degraded"):
        raise typer.Exit(NOTHING_RUNS)


def _of_deployment() -> dict[str, Any]:
    from cli.reach import look_at  # noqa: PLC0415 - it needs a client of everything
    from services.contracts.settings import resolved  # noqa: PLC0415

    return look_at(resolved(os.environ))
