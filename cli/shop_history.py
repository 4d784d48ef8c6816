"""`tanawari import`: a shop's own folder, checked, kept, and sent; the directory knows how far it has come."""

from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
from rich.console import Console

from cli.deployment import Deployment
from demo.history import shoppers
from shop_import.checking import ShopFolder
from shop_import.findings import REPORT, ROWS, Findings
from shop_import.folder import FolderError, scan_table
from shop_import.importer import Import
from shop_import.intake import History
from shop_import.mapping import Shop
from shop_import.sender import Acknowledged
from shop_import.sending import Target, send, send_users
from shop_import.steps import Step, Steps
from stack.catch_up import one_log, wait_until_landed
from stack.history import HistoryRecord
from stack.parts.process import PartError
from stack.state import StateError
from warehouse import dead_letters


@dataclass
class ShopImport:
    """One import, with the directory of the shop's imports.

    Attributes:
        steps: are shown while they run.
        findings: what checking the files has found.
        sent: where the events are that the broker acknowledged.
    """

    directory: Path
    screen: Console
    findings: Findings = field(init=False)
    steps: Steps = field(init=False)
    sent: list[Acknowledged] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.findings = Findings(self.directory)
        self.steps = Steps(self.screen)
        self._history = History(self.directory / "history")

    def check(self, shop: ShopFolder, *, skip_bad: bool, keep: bool) -> bool:
        """Check the folder, show the findings, and keep what it brings; whether all is good, or bad rows are left out.

        Raises:
            FolderError: a file cannot be read.
        """
        with self.steps.step("check") as step:
            taken = self._history.take_in(
                shop, self.findings, lambda rows: _count(step, rows), skip_bad=skip_bad, keep=keep
            )
            step.counts |= {name: number for name, number in self.findings.counts.items() if number}
        for line in self.findings.lines():
            self.screen.print(line, markup=False, soft_wrap=True)
        report, rows = self.directory / REPORT, self.directory / ROWS
        self.screen.print(f"report: {report}; every bad row: {rows}", soft_wrap=True)
        return taken is not None

    def send(self, deployment: Deployment, record: HistoryRecord) -> HistoryRecord:
        """Send every import folder that was not, in the order of their coming; the record, which says so.

        Raises:
            PartError: something of it became a dead letter, or was lost with the broker.
        """
        warehouse = deployment.variables["WAREHOUSE_LOADER_URL"]
        before = dead_letters.newest(warehouse)
        target = Target.of(deployment.variables, deployment.authentication)
        for number, folder in enumerate(self._history.folders, start=1):
            source = Import(folder, record.shift_weeks, renews_offers=False)
            if number > record.sent_imports or not record.has_users:
                send_users(target, source, self.steps)
            if number > record.sent_imports:
                with one_log(deployment.variables):
                    self.sent += send(target, source, self.steps)
                    with self.steps.step("landing") as step:
                        step.counts["events"] = wait_until_landed(deployment.variables, step.say)
                record = record.model_copy(update={"sent_imports": number, "is_sent": True})
                record.write(self.directory)
        record = record.model_copy(update={"has_users": target.auth_url is not None})
        record.write(self.directory)
        if refused := dead_letters.refused(warehouse, self.sent, after=before):
            raise PartError(f"dead letters of this import: {refused:,}; see tanawari dead-letters list")
        return record

    def record(self, shop: Shop, weeks: int, deployment: str | None) -> HistoryRecord:
        """What the directory knows of its shop from now on; the first import says it once and for all."""
        lines = pl.concat([scan_table(folder, "orders") for folder in self._history.folders])
        found = HistoryRecord.read(self.directory) or HistoryRecord(
            source="shop",
            currency=shop.currency,
            timezone=shop.timezone,
            shift_weeks=weeks,
            deployment=deployment,
        )
        record = found.model_copy(update={"shoppers": found.shoppers or tuple(shoppers(lines))})
        record.write(self.directory)
        return record


def refuse_another_shop(directory: Path, shop: Shop, weeks: int | None, deployment: str | None, remedy: str) -> None:
    """Refuse a directory that holds something else than this shop.

    Raises:
        StateError: it does; the message ends with the remedy.
    """
    record = HistoryRecord.read(directory)
    if (record and record.source == "demo") or (directory / "history" / "import.yaml").exists():
        raise StateError(f"{directory} holds the demo's shop: {remedy}")
    if record is None:
        return
    given = {"currency": shop.currency, "timezone": shop.timezone, "shift_weeks": weeks, "deployment": deployment}
    for name, value in given.items():
        if value is not None and value != getattr(record, name):
            raise StateError(
                f"{directory} holds a shop with the {name} {getattr(record, name)}, not {value}: "
                f"a shop has one; {remedy}"
            )


def settled(name: str, given: str | None, mapped: str | None, directory: Path | None, screen: Console) -> str:
    """The shop's currency or time zone: as given, mapped, known from before, or asked for.

    Raises:
        FolderError: nobody says.
    """
    record = HistoryRecord.read(directory) if directory else None
    known = getattr(record, name) if record else None
    if found := given or mapped or known:
        return str(found)
    if screen.is_terminal:
        example = {"currency": "JPY", "timezone": "Asia/Tokyo"}[name]
        return screen.input(f"The shop's {name} (e.g. {example}): ").strip()
    raise FolderError(f"the shop's {name} is unknown: use --{name}, or set `{name}:` in mapping.yaml")


def mapping_of(folder: Path, given: Path | None) -> Path | None:
    """The mapping file: as given, else the folder's own, if it has one.

    Raises:
        FolderError: there is no such folder.
    """
    if not folder.is_dir():
        raise FolderError(f"{folder} is not a directory")
    own = folder / "mapping.yaml"
    return given or (own if own.exists() else None)


def _count(step: Step, rows: int) -> None:
    step.counts["rows"] = step.counts.get("rows", 0) + rows
    step.say(f"{step.counts['rows']:,} rows")
