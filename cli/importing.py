"""The command that brings a shop's own files in."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console

from cli.options import JsonOption, PortsOption, WhereOption, notice, pins, screen, tell
from cli.shop_history import ShopImport, mapping_of, settled
from cli.shop_targets import ShopTarget, target
from cli.where import chosen
from shop_import.checking import look_at
from shop_import.folder import FolderError
from shop_import.mapping import Mapping, Shop, read_mapping
from shop_import.sender import by_topic
from stack import show
from stack.history import WEEK, HistoryRecord

LONGEST_SHIFT = 5200
"""A century of weeks."""
BAD_ROWS = 2
"""The exit code where rows are bad, and nothing was sent."""


FolderArgument = Annotated[Path, typer.Argument(help="The shop's files; docs/howto/bring-your-data.md describes them.")]
MappingOption = Annotated[
    Path | None, typer.Option(help="Maps files and columns; default: mapping.yaml in the folder.")
]
WeeksOption = Annotated[
    int | None,
    typer.Option(
        min=0, max=LONGEST_SHIFT, help="Shift all dates by this many weeks; fixed by the first import into a state."
    ),
]
WorkDirectoryOption = Annotated[
    Path | None,
    typer.Option(help="For a deployment: where imports and their progress are kept; default: .tanawari-import."),
]


def import_(  # noqa: PLR0913, PLR0917 - what a person may want to say
    folder: FolderArgument,
    state: WhereOption = None,
    mapping: MappingOption = None,
    timezone: Annotated[str | None, typer.Option(help="The shop's time zone, e.g. Asia/Tokyo.")] = None,
    currency: Annotated[str | None, typer.Option(help="The currency of all amounts, e.g. JPY.")] = None,
    weeks: WeeksOption = None,
    work_dir: WorkDirectoryOption = None,
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
    shop = _shop(folder, told, place.directory, shown, timezone=timezone, currency=currency)
    work = ShopImport(place.directory, shown)
    because: str | None = None
    with place.locked():
        place.refuse(shop, weeks)
        now = datetime.now(UTC) - _shift(place.directory, weeks)
        is_good = work.check(look_at(folder, told, shop, now=now), skip_bad=skip_bad, keep=not check)
        if is_good and not check:
            because = _send(place, work, work.record(shop, weeks or 0, place.name), refresh=refresh)
    if as_json:
        screen.print_json(data=_result(place, work, because), default=str)
    elif is_good and not check and place.name is None:
        screen.print(show.addresses_table(place.addresses()))
        tell("The stack keeps running until `tanawari down`.")
    if not is_good:
        raise typer.Exit(BAD_ROWS)


def _shift(directory: Path, weeks: int | None) -> timedelta:
    record = HistoryRecord.read(directory)
    return (record.shift_weeks if record else weeks or 0) * WEEK


def _send(place: ShopTarget, work: ShopImport, record: HistoryRecord, *, refresh: bool) -> str | None:
    """Send, and build shelves if wanted; the reason if only popularity is served."""
    try:
        deployment = place.open(work.steps)
        record = work.send(deployment, record)
        return place.refresh(deployment, record, work.steps, work.screen) if refresh else None
    except KeyboardInterrupt:
        notice("interrupted: run the same command to continue; nothing lands twice")
        raise


def _result(place: ShopTarget, work: ShopImport, because: str | None) -> dict[str, Any]:
    return {
        **work.findings.summary(),
        "sent": by_topic(work.sent),
        "popularity_because": because,
        "steps": work.steps.records,
        "addresses": place.addresses(),
    }


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
