"""`tanawari demo`: from nothing to a served shop on real retail data, in steps that a second run need not repeat."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, NoReturn

import polars as pl
from rich.console import Console

from stack import control, show, storefront
from stack.drain import landing_settings
from stack.environment import Environment
from stack.files import read_json, write_json
from stack.history import completejourney
from stack.history.folder import read_manifest, read_table
from stack.history.record import HistoryRecord, whole_weeks_until
from stack.history.upload import Catalog
from stack.importer import Import
from stack.memory import PeakMemory
from stack.parts.process import PartError
from stack.reckoning import all_agree, landing_totals, wait_until_agreed
from stack.refresh import JOB, build_docs, run_job
from stack.state import State
from stack.steps import Step, Steps
from warehouse.catch_up import land_until_caught_up

HOUSEHOLDS = 4
INTERRUPTED = 130
"""The exit code of a program that Ctrl-C ended."""


@dataclass
class Demo:
    """One run of the demo on one state.

    Attributes:
        state: where it lives.
        screen: where it tells its progress.
        users, days: how much of the data set to take; None is all.
    """

    state: State
    screen: Console
    users: int | None = None
    days: int | None = None
    imported: Counter[str] = field(default_factory=Counter)
    has_finished: bool = False

    def run(self, pinned: Mapping[str, int], *, exits: bool) -> None:
        """Run all steps, write `demo.json`, print the addresses; then stay until Ctrl-C, unless it `exits`."""
        with PeakMemory() as memory, self._stopping():
            steps = Steps(self.screen)
            with steps.step("history") as step:
                record = self._convert(step)
            with steps.step("start") as step:
                control.start(self.state, pinned, stays=False)
                status = control.wait_until(self.state, "serving", step.say)
                step.counts["processes"] = len(status["processes"])
            environment = Environment.running(self.state)
            record = self._send(environment, record, steps)
            with steps.step("tools") as step:
                status = control.wait_until(self.state, "running", step.say)
                step.counts["processes"] = len(status["processes"])
            if not storefront.champion(environment).get("generation") or self.imported:
                with steps.step(JOB) as step:
                    step.counts |= run_job(environment, JOB, step.say)
            if not self.state.path("dbt-docs", "index.html").exists() or self.imported:
                with steps.step("docs") as step:
                    build_docs(environment, step.say)
            with steps.step("shop") as step:
                step.counts |= storefront.wait_until_served(environment, record.households[0])
            self._finish(environment, status, steps, memory)
            self.has_finished = True
            if not exits:
                self.screen.print(show.addresses_table(status))
                self.screen.print("Press Ctrl-C to stop everything.")
                _stay(self.state)

    def _convert(self, step: Step) -> HistoryRecord:
        """Make the import folder unless it is there, and fix the shift of its dates at the first run."""
        folder = self.state.path("history")
        record, manifest = HistoryRecord.read(self.state), read_manifest(folder) if folder.exists() else None
        if record is None or manifest is None or (manifest.users, manifest.days) != (self.users, self.days):
            manifest = completejourney.convert(folder, users=self.users, days=self.days)
            weeks = record.shift_weeks if record else whole_weeks_until(datetime.now(UTC), manifest.last_event_at)
            made = Import(folder, weeks)
            record = HistoryRecord(
                shift_weeks=weeks,
                users=self.users,
                days=self.days,
                evaluation_starts_at=manifest.evaluation_starts_at and manifest.evaluation_starts_at + made.shift,
                households=tuple(_households(read_table(folder, "orders"))),
            )
            record.write(self.state)
        step.counts |= manifest.counts
        return record

    def _send(self, environment: Environment, record: HistoryRecord, steps: Steps) -> HistoryRecord:
        """Send the folder, or renew what has ended if it was sent before."""
        variables = environment.variables
        source = Import(self.state.path("history"), record.shift_weeks)
        if record.is_sent:
            with steps.step("offers") as step, Catalog(variables["CATALOG_URL"], environment.service_token) as catalog:
                step.counts["renewed"] = source.renew_offers(catalog)
            return record
        counts = source.manifest.counts
        with steps.step("catalogue") as step, Catalog(variables["CATALOG_URL"], environment.service_token) as catalog:
            step.expect(counts["categories"] + counts["products"])
            catalogue = source.send_catalogue(catalog, step.advance)
            step.counts |= {name: counts[name] for name in ("categories", "products", "special_prices")}
        with steps.step("events") as step:
            step.expect(2 * counts["orders"] + counts["simulated_actions"])
            idempotent = variables["KAFKA_IDEMPOTENCE"] == "true"
            sending = source.send_history(catalogue, variables["KAFKA_URL"], step.advance, idempotent=idempotent)
            self.imported = asyncio.run(sending)
            step.counts |= self.imported
        with steps.step("landing") as step:
            _land(environment, step)
        record = record.model_copy(update={"is_sent": True})
        record.write(self.state)
        return record

    def _finish(self, environment: Environment, status: dict[str, Any], steps: Steps, memory: PeakMemory) -> None:
        with steps.step("reckoning") as step:
            events = wait_until_agreed(environment, self.imported, status["landed_before"])
            step.counts["events"] = sum(reckoning.produced for reckoning in events.values())
        champion = storefront.champion(environment)
        bundle = champion.get("bundle")
        manifest = read_json(environment.bundles / str(bundle) / "manifest.json")
        content = {
            "steps": steps.records,
            "addresses": show.addresses(status),
            "events": {topic: asdict(reckoning) for topic, reckoning in events.items()},
            "bundle": bundle,
            "generation": champion.get("generation"),
            "metrics": manifest.get("metrics", {}),
            "peak_rss_mb": memory.megabytes,
        }
        write_json(self.state.path("demo.json"), content)
        if not all_agree(events.values()):
            wrong = {topic: asdict(each) for topic, each in events.items() if not each.agrees}
            raise PartError(f"what was sent is not what landed: {wrong}")

    @contextmanager
    def _stopping(self) -> Iterator[None]:
        """Stop everything in order, however the run ends."""
        signal.signal(signal.SIGTERM, _interrupt)
        try:
            yield
        except KeyboardInterrupt:
            self.screen.print()
            if not self.has_finished:
                raise SystemExit(INTERRUPTED) from None
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
            has_drained = control.stop(self.state, self.screen.print)
        if not has_drained:
            raise PartError(f"stopped, but not everything was drained; see {self.state.log('supervisor')}")


def _households(orders: pl.DataFrame) -> list[str]:
    """Some users with many orders, from the busiest down to the middle."""
    busiest = orders.group_by("user_id").agg(pl.col("external_id").n_unique().alias("orders"))
    users = busiest.sort("orders", "user_id", descending=[True, False]).get_column("user_id").to_list()
    return users[: max(1, len(users) // 2) : max(1, len(users) // (2 * HOUSEHOLDS))][:HOUSEHOLDS]


def _land(environment: Environment, step: Step) -> None:
    """Wait until everything that was sent has landed, and show how far it has come."""
    before = sum(totals["consumed"] for totals in landing_totals(environment).values())
    with ThreadPoolExecutor(1) as pool:
        landing = pool.submit(asyncio.run, land_until_caught_up(landing_settings(environment)))
        while not landing.done():
            landed = sum(totals["consumed"] for totals in landing_totals(environment).values())
            step.say(f"{landed:,} events")
            time.sleep(0.5)
        landing.result()
    step.counts["events"] = sum(totals["consumed"] for totals in landing_totals(environment).values()) - before


def _stay(state: State) -> None:
    while state.supervisor:
        time.sleep(0.5)
    raise PartError(f"the supervisor has ended; see {state.log('supervisor')}")


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
