"""The command `tanawari`: the local stack, its data, and the tasks of an operator."""

import errno
import os
import signal
import sys
from importlib import import_module, metadata
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from stack.parts.process import PartError
from stack.state import StateError

COMMANDS = {
    "demo": "lifecycle.demo",
    "up": "lifecycle.up",
    "down": "lifecycle.down",
    "restart": "restart.restart",
    "status": "status.status",
    "logs": "lifecycle.logs",
    "reset": "lifecycle.reset",
    "doctor": "lifecycle.examine",
    "prepare": "preparing.prepare",
    "import": "importing.import_",
    "land": "data.land",
    "rollback": "data.rollback",
    "dead-letters": "dead_letters.dead_letters",
    "dbt": "modelling.dbt",
    "rebuild": "rebuild.rebuild",
    "search": "search.search",
    "keys": "keys.keys",
    "payment-keys": "payment_keys.payment_keys",
}
"""The function of each command, below `cli`."""
HELP = "Tanawari: run and inspect the local stack; import, land and roll back locally or in a deployment."
LITTLE = ("status",)
"""Imported where any command would do."""
FULL = os.strerror(errno.ENOSPC)
PLACES = frozenset(
    (errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP)
)
"""A file or directory that was named cannot be used: it is another user's, read-only, mounted, of another kind."""
UNPREPARED = (None, "42501", "42P01", "3F000")
"""Of a database: what is set is no address; its role may not; its tables are not there yet."""


def tanawari(*names: str) -> typer.Typer:
    """Build the command with these subcommands, or all; only their modules are imported, because some are slow."""
    made = typer.Typer(
        help=HELP,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    made.callback(help=HELP)(_about)  # with it one command alone has a name, too
    for name in names or COMMANDS:
        place, _, attribute = COMMANDS[name].rpartition(".")
        module = import_module(f"cli.{place}")
        command = getattr(module, attribute)
        if isinstance(command, typer.Typer):
            made.add_typer(command, name=name)
        else:
            made.command(name, context_settings=getattr(module, "PASSED_ON", None))(command)
    return made


def _tell_version(asked: bool) -> None:  # noqa: FBT001 - as Typer calls it
    if asked:
        typer.echo(metadata.version("tanawari"))
        raise typer.Exit


def _about(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_tell_version, is_eager=True)
    ] = False,
) -> None:
    """Take what is said before any command."""
    del version


def app() -> None:
    """Run the command; a known fault is one clear line and exit code 1."""
    end_by_sigterm_too()
    first = sys.argv[1:2]
    try:
        tanawari(*(first if first and first[0] in COMMANDS else LITTLE if first == ["--version"] else ()))()
    except Exception as error:
        if (line := in_a_line(error)) is None:
            raise
        Console(stderr=True, highlight=False).print(f"[red]tanawari:[/] {escape(line)}", soft_wrap=True)
        sys.exit(1)


def end_by_sigterm_too() -> None:
    """Make SIGTERM end a command like Ctrl-C: cleanly, and with its child processes."""
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(*_: object) -> NoReturn:
    sys.stderr.write("tanawari: ended by SIGTERM\n")
    raise KeyboardInterrupt


def in_a_line(error: Exception) -> str | None:
    """The message where it is enough; None if the trace is needed. Imports after a failure only: these are slow."""
    from aiokafka.errors import KafkaError  # noqa: PLC0415
    from httpx2 import HTTPError, InvalidURL  # noqa: PLC0415
    from psycopg import Error as PostgresError  # noqa: PLC0415
    from psycopg import OperationalError  # noqa: PLC0415

    from services.contracts.setting_errors import SettingError  # noqa: PLC0415
    from shop_import.bulk import RefusedError  # noqa: PLC0415
    from shop_import.folder import FolderError  # noqa: PLC0415

    if isinstance(error, ExceptionGroup):
        return in_a_line(error.exceptions[0])
    if FULL in str(error):  # by whatever wrote: Python, Polars, DuckDB, Postgres
        return f"the disk is full: {error}; free space and run the command again"
    known = (
        *(StateError, SettingError, PartError, FolderError, RefusedError, KafkaError, OperationalError),
        *(HTTPError, InvalidURL),
    )
    is_outside = (
        isinstance(error, known)
        or (isinstance(error, OSError) and error.errno in PLACES)
        or (isinstance(error, PostgresError) and error.sqlstate in UNPREPARED)
    )
    return (str(error) or type(error).__name__) if is_outside else None
