"""The command that brings a shop's own files in."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console

from cli.options import DEFAULT_STATE, JsonOption, PortsOption, StateOption, pins, screen, tell
from cli.shop_history import ShopImport, mapping_of, refuse_others, settled
from shop_import.checking import look_at
from shop_import.findings import REPORT, ROWS
from shop_import.folder import FolderError
from shop_import.mapping import Mapping, Shop, read_mapping
from stack import show
from stack.environment import Environment
from stack.history import WEEK, HistoryRecord
from stack.state import State

BAD_ROWS = 2
"""The exit code where rows are bad, and nothing was sent."""


def import_(  # noqa: PLR0913 - what a person may want to say
    folder: Annotated[Path, typer.Argument(help="The shop's files; docs/howto/bring-your-data.md describes them.")],
    state: StateOption = DEFAULT_STATE,
    mapping: Annotated[
        Path | None, typer.Option(help="How files and columns are called; without it, the folder's mapping.yaml.")
    ] = None,
    timezone: Annotated[str | None, typer.Option(help="Where the shop's days begin, e.g. Asia/Tokyo.")] = None,
    currency: Annotated[str | None, typer.Option(help="Of all amounts, e.g. JPY.")] = None,
    weeks: Annotated[
        int | None, typer.Option(min=0, help="Move all dates by so many weeks, once and for all of this state's data.")
    ] = None,
    port: PortsOption = None,
    *,
    check: Annotated[bool, typer.Option("--check", help="Only check the files; nothing is sent.")] = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave bad rows out instead of giving up.")] = False,
    refresh: Annotated[bool, typer.Option(help="Make models and shelves from it.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Bring a shop's own files in: check every row, send, and serve the shop. May be repeated; nothing lands twice.

    Starts the stack if it does not run, and leaves it running. Exit code 2 if rows are bad: the report names them.
    """
    shown = Console(stderr=True, highlight=False) if as_json else screen
    path = mapping_of(folder, mapping)
    told = read_mapping(path) if path else Mapping()
    here = State(state)
    shop = _shop(folder, told, here, shown, timezone=timezone, currency=currency)
    with here.locked():
        refuse_others(here, shop, weeks)
        record = HistoryRecord.read(here)
        shift = (record.shift_weeks if record else weeks or 0) * WEEK
        work = ShopImport(here, shown)
        is_good = work.check(
            look_at(folder, told, shop, now=datetime.now(UTC) - shift), skip_bad=skip_bad, keep=not check
        )
        for line in work.findings.lines():
            shown.print(line, markup=False, soft_wrap=True)
        shown.print(f"report: {here.path(REPORT)}; every bad row: {here.path(ROWS)}", soft_wrap=True)
        if is_good and not check:
            record = work.record(shop, weeks or 0)
            status = work.start(pins(port))
            environment = Environment.running(here)
            record = work.send(environment, record)
            if refresh:
                work.serve(environment, record)
            if not as_json:
                screen.print(show.addresses_table(status))
                tell("It runs on until `tanawari down`.")
    if as_json:
        screen.print_json(data=work.result(), default=str)
    if not is_good:
        raise typer.Exit(BAD_ROWS)


def _shop(
    folder: Path, told: Mapping, state: State, shown: Console, *, timezone: str | None, currency: str | None
) -> Shop:
    try:
        return Shop(
            name=told.name or folder.absolute().name,
            timezone=settled("timezone", timezone, told.timezone, state, shown),
            currency=settled("currency", currency, told.currency, state, shown),
        )
    except ValidationError as error:
        fault = error.errors()[0]
        raise FolderError(f"{fault['loc'][0]}: {fault['msg'].removeprefix('Value error, ')}") from error
