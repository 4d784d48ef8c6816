"""The command `tanawari`: the local stack, its data, and the tasks of an operator."""

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
"""The function of each command, below `cli`."""


def tanawari(*names: str) -> typer.Typer:
    """Build the command with these subcommands, or all; only their modules are imported, because some are slow."""
    made = typer.Typer(
        help="Tanawari: run and inspect the local stack; import, land and roll back locally or in a deployment.",
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
    """Make SIGTERM end a command like Ctrl-C: cleanly, and with its child processes."""
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _known_faults() -> tuple[type[Exception], ...]:
    """Errors whose message is enough; imported only after a failure, because the modules are slow to import."""
    from aiokafka.errors import KafkaError  # noqa: PLC0415
    from psycopg import OperationalError  # noqa: PLC0415

    from services.contracts.settings import SecretError  # noqa: PLC0415
    from shop_import.folder import FolderError  # noqa: PLC0415
    from shop_import.upload import RefusedError  # noqa: PLC0415

    return (StateError, SecretError, PartError, FolderError, RefusedError, KafkaError, OperationalError)
