"""Options and output that the commands share."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from stack.state import DEFAULT_DIRECTORY, BrokerKind, Pins

ANY, LAST_PORT = "any", 65_535
UNBROKEN = 1000
"""The width when output is piped: a table row stays on one line."""

screen = Console(highlight=False, width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else UNBROKEN)

StateOption = Annotated[
    Path,
    typer.Option(
        "--state", envvar="TANAWARI_STATE", help="The state directory: data, keys, logs, ports.", metavar="DIR"
    ),
]
WhereOption = Annotated[
    Path | None,
    typer.Option(
        "--state",
        envvar="TANAWARI_STATE",
        help="The state of a local stack; default: .tanawari, or the deployment whose URLs are set.",
        metavar="DIR",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
PortsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--port",
        help="Set a part's port; the state remembers it. E.g. gateway=8080; gateway=any removes it.",
        metavar="PART=PORT",
    ),
]
BrokerOption = Annotated[
    BrokerKind | None,
    typer.Option("--broker", help="The broker; the state remembers it. apache needs Java 17 and Maven."),
]
DEFAULT_STATE = DEFAULT_DIRECTORY


def tell(line: str) -> None:
    """Print one line of progress."""
    screen.print(line, soft_wrap=True)


def notice(line: str) -> None:
    """Print one line on standard error, so that scripts do not read it as output."""
    Console(stderr=True, highlight=False).print(line, soft_wrap=True, markup=False)


def pins(ports: list[str] | None) -> Pins:
    """`PART=PORT` options as a table; None where any port will do again."""
    try:
        pairs = [pair.split("=") for pair in ports or ()]
        found = {name: None if port == ANY else int(port) for name, port in pairs}
    except ValueError as error:
        raise typer.BadParameter("expected PART=PORT, e.g. gateway=8080 or gateway=any") from error
    if wrong := [port for port in found.values() if port is not None and not 0 < port <= LAST_PORT]:
        raise typer.BadParameter(f"{wrong[0]} is not a port: use 1 to {LAST_PORT}")
    return found
