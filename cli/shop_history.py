"""`tanawari import`: a shop's own folder into a state, in steps: checked, sent, landed, refreshed, served."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console

from demo.history import households
from shop_import.checking import ShopFolder
from shop_import.findings import Findings
from shop_import.folder import FolderError, scan_table
from shop_import.importer import Import
from shop_import.intake import History
from shop_import.mapping import Shop
from shop_import.sending import Target, send
from shop_import.steps import Step, Steps
from stack import control, show, storefront
from stack.catch_up import wait_until_landed
from stack.environment import Environment
from stack.history import HistoryRecord
from stack.parts.process import PartError
from stack.reconciliation import landing_totals
from stack.refresh import JOB, run_job
from stack.state import State, StateError

NOBODY = "anon:somebody"
"""Who looks at the shop where no order tells of a user."""


@dataclass
class ShopImport:
    """One import into one state.

    Attributes:
        steps: are shown while they run.
        findings: what checking the files has found.
        sent: the events that the broker acknowledged, by topic.
        because: why the models of this shop choose nothing, if they do not.
    """

    state: State
    screen: Console
    findings: Findings = field(init=False)
    steps: Steps = field(init=False)
    sent: Counter[str] = field(default_factory=Counter)
    because: str | None = None

    def __post_init__(self) -> None:
        self.findings = Findings(self.state.directory)
        self.steps = Steps(self.screen)

    def check(self, shop: ShopFolder, *, skip_bad: bool, keep: bool) -> bool:
        """Check the folder, and keep what it brings; whether all rows are good or bad ones are left out.

        Raises:
            FolderError: a file cannot be read.
        """
        with self.steps.step("check") as step:
            taken = History(self.state.path("history")).take_in(
                shop, self.findings, lambda rows: _count(step, rows), skip_bad=skip_bad, keep=keep
            )
            step.counts |= {name: number for name, number in self.findings.counts.items() if number}
        return taken is not None

    def send(self, environment: Environment, record: HistoryRecord) -> HistoryRecord:
        """Send every import folder that was not, in the order of their coming; the record, which says so.

        Raises:
            PartError: something of it became a dead letter.
        """
        before = _dead_letters(environment)
        for number, folder in enumerate(History(self.state.path("history")).folders, start=1):
            if number > record.sent_imports:
                source = Import(folder, record.shift_weeks, renews_offers=False)
                self.sent += send(Target.of(environment.variables, environment.service_token), source, self.steps)
                with self.steps.step("landing") as step:
                    step.counts["events"] = wait_until_landed(environment.variables, step.say)
                record = record.model_copy(update={"sent_imports": number, "is_sent": True})
                record.write(self.state)
        if refused := _dead_letters(environment) - before:
            raise PartError(f"{refused:,} events became dead letters: tanawari dead-letters list says why")
        return record

    def serve(self, environment: Environment, record: HistoryRecord) -> None:
        """Make models and shelves from it, and wait until the shop shows them."""
        with self.steps.step(JOB) as step:
            step.counts |= run_job(environment, JOB, step.say)
        record.model_copy(update={"is_served": True}).write(self.state)
        with self.steps.step("shop") as step:
            step.counts |= storefront.wait_until_served(environment, next(iter(record.households), NOBODY))
        self.because = storefront.popularity_because(environment)
        self.screen.print(storefront.choice_in_words(self.because), markup=False, soft_wrap=True)

    def start(self, pinned: Mapping[str, int]) -> dict[str, Any]:
        """Start the stack, which runs on, unless it runs already; its status."""
        with self.steps.step("start") as step:
            try:
                if not self.state.supervisor:
                    control.start(self.state, pinned, stays=True)
                status = control.wait_until(self.state, "running", step.say)
            except (KeyboardInterrupt, PartError):
                control.stop(self.state, self.screen.print)
                raise
            step.counts["processes"] = len(status["processes"])
        return status

    def record(self, shop: Shop, weeks: int) -> HistoryRecord:
        """What the state knows of its shop from now on; the first import says it once and for all."""
        known = HistoryRecord.read(self.state)
        folders = History(self.state.path("history")).folders
        lines = pl.concat([scan_table(folder, "orders") for folder in folders])
        found = known or HistoryRecord(source="shop", currency=shop.currency, timezone=shop.timezone, shift_weeks=weeks)
        record = found.model_copy(update={"households": found.households or tuple(households(lines))})
        record.write(self.state)
        return record

    def result(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            **self.findings.summary(),
            "sent": dict(self.sent),
            "popularity_because": self.because,
            "steps": self.steps.records,
            "addresses": show.addresses(self.state.status()),
        }


def refuse_others(state: State, shop: Shop, weeks: int | None) -> None:
    """Refuse a state that holds something else than this shop.

    Raises:
        StateError: it does; the message names the remedy.
    """
    record = HistoryRecord.read(state)
    if (record and record.source == "demo") or state.path("history", "import.yaml").exists():
        raise StateError(f"{state.directory} holds the demo's shop: choose another directory with --state DIR")
    if record is None:
        if state.supervisor:
            raise StateError(
                f"the stack of {state.directory} runs without knowing the shop's time zone: tanawari down; "
                "the import starts it again"
            )
        return
    given = {"currency": shop.currency, "timezone": shop.timezone, "shift_weeks": weeks}
    for name, value in given.items():
        if value is not None and value != getattr(record, name):
            raise StateError(
                f"{state.directory} holds a shop with the {name} {getattr(record, name)}, not {value}: "
                "a state has one; choose another directory with --state DIR"
            )


def settled(name: str, given: str | None, mapped: str | None, state: State | None, screen: Console) -> str:
    """The shop's currency or time zone: as given, mapped, known from before, or asked for.

    Raises:
        FolderError: nobody says.
    """
    record = HistoryRecord.read(state) if state else None
    known = getattr(record, name) if record else None
    if found := given or mapped or known:
        return str(found)
    if screen.is_terminal:
        example = {"currency": "JPY", "timezone": "Asia/Tokyo"}[name]
        return screen.input(f"The shop's {name} (e.g. {example}): ").strip()
    raise FolderError(f"the shop's {name} is not known: give --{name}, or say `{name}:` in mapping.yaml")


def mapping_of(folder: Path, given: Path | None) -> Path | None:
    """The mapping file: as given, else the folder's own, if it has one.

    Raises:
        FolderError: there is no such folder.
    """
    if not folder.is_dir():
        raise FolderError(f"{folder} is no folder")
    own = folder / "mapping.yaml"
    return given or (own if own.exists() else None)


def _count(step: Step, rows: int) -> None:
    step.counts["rows"] = step.counts.get("rows", 0) + rows
    step.say(f"{step.counts['rows']:,} rows")


def _dead_letters(environment: Environment) -> int:
    return sum(totals["dead_letters"] for totals in landing_totals(environment.variables).values())
