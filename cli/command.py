"""The command `tanawari`: the local stack, its data, and what an operator does with them."""

import signal
import sys
from importlib import import_module
from typing import NoReturn

import typer
from rich.console import Console

from stack.parts.process import PartError
from stack.state import StateError

COMMANDS = {
    "demo": "lifecycle.demo",
    "up": "lifecycle.up",
    "down": "lifecycle.down",
    "status": "status.status",
    "logs": "lifecycle.logs",
    "reset": "lifecycle.reset",
    "doctor": "lifecycle.examine",
    "prepare": "preparing.prepare",
    "import": "importing.import_",
    "land": "data.land",
    "rollback": "data.rollback",
    "dead-letters": "dead_letters.dead_letters",
}
"""Where each stands, below `cli`."""


def tanawari(*names: str) -> typer.Typer:
    """The command with these of its commands, or all; only their modules are imported, for some need a lot."""
    made = typer.Typer(
        help="Tanawari: start it on this machine and look at it; feed it here or where its URLs lead.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    made.callback()(lambda: None)  # so that one command alone has a name, too
    for name in names or COMMANDS:
        module, _, attribute = COMMANDS[name].rpartition(".")
        command = getattr(import_module(f"cli.{module}"), attribute)
        if isinstance(command, typer.Typer):
            made.add_typer(command, name=name)
        else:
            made.command(name)(command)
    return made


def app() -> None:
    """Run the command; a known fault is one clear line and exit code 1."""
    end_by_sigterm_too()
    try:
        tanawari(*(name for name in sys.argv[1:2] if name in COMMANDS))()
    except Exception as error:
        if not isinstance(error, _known_faults()):
            raise
        Console(stderr=True, highlight=False).print(f"[red]tanawari:[/] {error}", soft_wrap=True)
        sys.exit(1)


def end_by_sigterm_too() -> None:
    """Let SIGTERM end a command as Ctrl-C does: in order, and with what it runs."""
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _known_faults() -> tuple[type[Exception], ...]:
    """What a line of text explains; imported when something has failed, for these modules need a lot."""
    from aiokafka.errors import KafkaError  # noqa: PLC0415
    from psycopg import OperationalError  # noqa: PLC0415

    from services.contracts.settings import SecretError  # noqa: PLC0415
    from shop_import.folder import FolderError  # noqa: PLC0415
    from shop_import.upload import RefusedError  # noqa: PLC0415

    return (StateError, SecretError, PartError, FolderError, RefusedError, KafkaError, OperationalError)
