"""The command `tanawari`: the local stack, its data, and what an operator does with them."""

import signal
import sys
from typing import NoReturn

import psycopg
import typer
from aiokafka.errors import KafkaError
from rich.console import Console

from stack.commands import data, importing, letters, lifecycle
from stack.history.folder import FolderError
from stack.history.upload import RefusedError
from stack.parts.process import PartError
from stack.state import StateError

commands = typer.Typer(
    help="Tanawari on this machine: start it, feed it, look at it, stop it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for function in (lifecycle.demo, lifecycle.up, lifecycle.down, lifecycle.status, lifecycle.logs, lifecycle.reset):
    commands.command()(function)
commands.command("doctor")(lifecycle.examine)
commands.command("import")(importing.import_)
for function in (data.land, data.rollback):
    commands.command()(function)
commands.add_typer(letters.letters, name="dead-letters")


def app() -> None:
    """Run the command; a known fault is one clear line and exit code 1."""
    end_by_sigterm_too()
    try:
        commands()
    except (StateError, PartError, FolderError, RefusedError, KafkaError, psycopg.OperationalError) as error:
        Console(stderr=True, highlight=False).print(f"[red]tanawari:[/] {error}", soft_wrap=True)
        sys.exit(1)


def end_by_sigterm_too() -> None:
    """Let SIGTERM end a command as Ctrl-C does: in order, and with what it runs."""
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
