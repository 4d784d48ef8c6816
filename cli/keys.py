"""`tanawari keys`: make, list, rotate and retire the keys that sign tokens."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import sleep
from typing import Annotated

import typer
from rich.table import Column, Table

from cli.options import DEFAULT_STATE, JsonOption, StateOption, screen, tell
from cli.where import existing
from stack.keys import Key, Keyring, KeyringError

KEY_ID = 43
"""The characters of a key's id: a thumbprint of 256 bits in base64."""
keys = typer.Typer(help="Make, list, rotate and retire the keys that sign tokens.", no_args_is_help=True)
DirectoryOption = Annotated[
    Path | None,
    typer.Option("--directory", help="The keys of a deployment, in this directory; default: those of the state."),
]


@keys.command("make")
def make(directory: Annotated[Path, typer.Option("--directory", help="Where to make them.")]) -> None:
    """Make the keys of a deployment: published.json for all, and a private key for each process that signs.

    Keys that are there stay.
    """
    keyring = Keyring(directory).ensure()
    tell(f"{len(keyring.keys())} keys are published in {keyring.published}")


@keys.command("list")
def list_(
    state: StateOption = DEFAULT_STATE, directory: DirectoryOption = None, *, as_json: JsonOption = False
) -> None:
    """Show the published keys: whose they are, what they may sign, and when a replaced one ends."""
    found = _keyring(state, directory).keys()
    if as_json:
        typer.echo(json.dumps(found))
        return
    table = Table("holder", Column("key", no_wrap=True, min_width=KEY_ID), Column("signs", overflow="fold"), box=None)
    for key in found:
        signs = f"{', '.join(key['token_use'])} for {', '.join(key['audiences'])}{_end(key)}"
        table.add_row(key["service"], key["kid"], signs)
    screen.print(table)


@keys.command()
def rotate(
    holder: Annotated[str, typer.Argument(help="Whose, as `tanawari keys list` names it.", metavar="HOLDER")],
    state: StateOption = DEFAULT_STATE,
    directory: DirectoryOption = None,
) -> None:
    """Replace a key. The new one is published before it signs; the old one is valid until its last token has ended."""
    new = _keyring(state, directory).rotate(
        holder, _telling(f"the new key of {holder} is published; processes read it")
    )
    tell(f"{holder} signs with {new}")


@keys.command()
def retire(
    key_id: Annotated[str, typer.Argument(help="The key, as `tanawari keys list` names it.", metavar="KEY")],
    state: StateOption = DEFAULT_STATE,
    directory: DirectoryOption = None,
) -> None:
    """Withdraw a replaced key at once. Its tokens are refused within two minutes."""
    _keyring(state, directory).retire(key_id)
    tell(f"{key_id} is no longer published")


def _keyring(state: Path, directory: Path | None) -> Keyring:
    if directory is None:
        return existing(state).keyring()
    keyring = Keyring(directory)
    if not keyring.published.exists():
        raise KeyringError(f"there are no keys in {directory}: make them with tanawari keys make")
    return keyring


def _telling(line: str) -> Callable[[float], None]:
    def wait(seconds: float) -> None:
        tell(f"{line} ({seconds:.0f} s)")
        sleep(seconds)

    return wait


def _end(key: Key) -> str:
    return f", until {datetime.fromtimestamp(key['exp'], UTC):%Y-%m-%d %H:%M} UTC" if "exp" in key else ""
