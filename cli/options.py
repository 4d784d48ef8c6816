"""Options and output that the commands share."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from stack.state import DEFAULT_DIRECTORY, BrokerKind

UNBROKEN = 1000
"""The width of what is piped on: a line of a table stays one."""

screen = Console(highlight=False, width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else UNBROKEN)

StateOption = Annotated[
    Path, typer.Option("--state", envvar="TANAWARI_STATE", help="The directory that keeps everything.", metavar="DIR")
]
WhereOption = Annotated[
    Path | None,
    typer.Option(
        "--state",
        envvar="TANAWARI_STATE",
        help="The state of the stack to work on; without one .tanawari, or the deployment whose URLs are set.",
        metavar="DIR",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for a script.")]
PortsOption = Annotated[
    list[str] | None,
    typer.Option("--port", help="Give a part this port from now on, e.g. gateway=8080.", metavar="PART=PORT"),
]
BrokerOption = Annotated[
    BrokerKind | None,
    typer.Option("--broker", help="Which broker runs here from now on; apache needs Java 17 and Maven."),
]
DEFAULT_STATE = DEFAULT_DIRECTORY


def tell(line: str) -> None:
    """Print one line of progress."""
    screen.print(line, soft_wrap=True)


def notice(line: str) -> None:
    """Print one line beside the answer, where no script takes it for one."""
    Console(stderr=True, highlight=False).print(line, soft_wrap=True, markup=False)


def pins(ports: list[str] | None) -> dict[str, int]:
    """`PART=PORT` options as a table."""
    try:
        return {name: int(port) for name, port in (pair.split("=") for pair in ports or ())}
    except ValueError as error:
        raise typer.BadParameter("expected PART=PORT, e.g. gateway=8080") from error
