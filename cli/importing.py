"""The command that brings a shop's own files in."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console

from cli.options import JsonOption, PortsOption, WhereOption, notice, pins, screen, tell
from cli.shop_history import ShopImport, mapping_of, settled
from cli.shop_targets import target
from cli.where import chosen
from shop_import.checking import look_at
from shop_import.findings import REPORT, ROWS
from shop_import.folder import FolderError
from shop_import.mapping import Mapping, Shop, read_mapping
from stack import show
from stack.history import WEEK, HistoryRecord

BAD_ROWS = 2
"""The exit code where rows are bad, and nothing was sent."""


def import_(  # noqa: PLR0913, PLR0917 - what a person may want to say
    folder: Annotated[Path, typer.Argument(help="The shop's files; docs/howto/bring-your-data.md describes them.")],
    state: WhereOption = None,
    mapping: Annotated[
        Path | None, typer.Option(help="Maps files and columns; default: mapping.yaml in the folder.")
    ] = None,
    timezone: Annotated[str | None, typer.Option(help="The shop's time zone, e.g. Asia/Tokyo.")] = None,
    currency: Annotated[str | None, typer.Option(help="The currency of all amounts, e.g. JPY.")] = None,
    weeks: Annotated[
        int | None,
        typer.Option(min=0, help="Shift all dates by this many weeks; fixed by the first import into a state."),
    ] = None,
    work_dir: Annotated[
        Path | None,
        typer.Option(help="For a deployment: where imports and their progress are kept; default: .tanawari-import."),
    ] = None,
    port: PortsOption = None,
    *,
    check: Annotated[bool, typer.Option("--check", help="Only check the files; send nothing.")] = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Skip bad rows instead of failing.")] = False,
    refresh: Annotated[bool, typer.Option(help="Build models and shelves afterwards.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Import a shop's own files: check every row, send, and serve the shop. May be repeated; nothing lands twice.

    Into a state: starts its stack if needed, and leaves it running. Into a deployment: sends to the URLs that are set
    and waits until everything has landed; then Dagster builds the shelves, if DAGSTER_URL is set.
    Exit code 2 if rows are bad: the report lists them.
    """
    shown = Console(stderr=True, highlight=False) if as_json else screen
    path = mapping_of(folder, mapping)
    told = read_mapping(path) if path else Mapping()
    place = target(chosen(state), work_dir, pins(port), sends=not check)
    directory = place.directory
    shop = _shop(folder, told, directory, shown, timezone=timezone, currency=currency)
    because: str | None = None
    with place.locked():
        place.refuse(shop, weeks)
        record = HistoryRecord.read(directory)
        shift = (record.shift_weeks if record else weeks or 0) * WEEK
        work = ShopImport(directory, shown)
        is_good = work.check(
            look_at(folder, told, shop, now=datetime.now(UTC) - shift), skip_bad=skip_bad, keep=not check
        )
        for line in work.findings.lines():
            shown.print(line, markup=False, soft_wrap=True)
        shown.print(f"report: {directory / REPORT}; every bad row: {directory / ROWS}", soft_wrap=True)
        if is_good and not check:
            record = work.record(shop, weeks or 0, place.name)
            try:
                deployment = place.open(work.steps)
                record = work.send(deployment, record)
                because = place.refresh(deployment, record, work.steps, shown) if refresh else None
            except KeyboardInterrupt:
                notice("interrupted: run the same command to continue; nothing lands twice")
                raise
    result = {
        **work.findings.summary(),
        "sent": dict(work.sent),
        "popularity_because": because,
        "steps": work.steps.records,
        "addresses": place.addresses(),
    }
    if as_json:
        screen.print_json(data=result, default=str)
    elif is_good and not check and place.name is None:
        screen.print(show.addresses_table(place.addresses()))
        tell("The stack keeps running until `tanawari down`.")
    if not is_good:
        raise typer.Exit(BAD_ROWS)


def _shop(
    folder: Path, told: Mapping, directory: Path, shown: Console, *, timezone: str | None, currency: str | None
) -> Shop:
    try:
        return Shop(
            name=told.name or folder.absolute().name,
            timezone=settled("timezone", timezone, told.timezone, directory, shown),
            currency=settled("currency", currency, told.currency, directory, shown),
        )
    except ValidationError as error:
        fault = error.errors()[0]
        raise FolderError(f"{fault['loc'][0]}: {fault['msg'].removeprefix('Value error, ')}") from error
