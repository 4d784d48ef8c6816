"""`tanawari demo`: from nothing to a served shop on real retail data, in steps that a second run need not repeat."""

import contextlib
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, NoReturn

from rich.console import Console

from demo.history import convert, make_users, refuse_a_shop, renew_offers, send
from demo.memory import PeakMemory
from demo.purchase import buy_once
from shop_import.steps import Steps
from stack import control, show, storefront
from stack.environment import Environment
from stack.files import read_json, write_json
from stack.parts.process import PartError
from stack.reconciliation import all_agree, wait_until_agreed
from stack.refresh import JOB, run_job
from stack.state import Pins, State, StateError

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
    started: control.Started | None = None

    def run(self, pinned: Pins, *, exits: bool) -> None:
        """Run all steps, write `demo.json`, print the addresses; then stay until Ctrl-C, unless it `exits`.

        While it stays, other commands may work on the state.

        Raises:
            StateError: its stack runs already, or another command is at work on it.
        """
        with contextlib.ExitStack() as until_served:
            until_served.enter_context(self.state.locked())
            if self.state.supervisor:
                raise StateError(f"the stack of {self.state.directory} is already running: stop it with tanawari down")
            refuse_a_shop(self.state)
            with self._stopping():
                status = self._serve(pinned)
                until_served.close()
                if not exits:
                    self.screen.print(show.addresses_table(show.addresses(status)))
                    self.screen.print("Press Ctrl-C to stop everything.")
                    control.stay(self.state)

    def _serve(self, pinned: Pins) -> dict[str, Any]:
        """Run all steps; the status of what runs then."""
        with PeakMemory() as memory:
            steps = Steps(self.screen)
            with steps.step("history") as step:
                record = convert(self.state, self.users, self.days, step)
            with steps.step("start") as step:
                self.started = control.start(self.state, pinned, stays=False)
                status = control.wait_until(self.state, "serving", step.say, self.started)
                step.counts["processes"] = len(status["processes"])
            environment = Environment.running(self.state)
            if not record.has_users:
                record = make_users(environment, record, steps)
            if record.is_sent:
                with steps.step("offers") as step:
                    renew_offers(environment, record, step)
            else:
                self.imported, record = send(environment, record, steps)
            if not record.is_served:
                with steps.step(JOB) as step:
                    step.counts |= run_job(environment, JOB, step.say)
                record = record.model_copy(update={"is_served": True})
                record.write(self.state.directory)
            with steps.step("tools") as step:
                status = control.wait_until(self.state, "running", step.say)
                step.counts["processes"] = len(status["processes"])
            with steps.step("shop") as step:
                step.counts |= storefront.wait_until_served(environment, record.shoppers[0])
            buy_once(environment, record, steps)
            self._finish(environment, status, steps, memory)
            self.has_finished = True
            return status

    def _finish(self, environment: Environment, status: dict[str, Any], steps: Steps, memory: PeakMemory) -> None:
        with steps.step("reconciliation") as step:
            events = wait_until_agreed(environment, self.imported, status["landed_before"])
            step.counts["events"] = sum(reconciliation.produced for reconciliation in events.values())
        champion = storefront.champion(environment.bundles)
        bundle = champion.get("bundle")
        manifest = read_json(environment.bundles / str(bundle) / "manifest.json")
        because = manifest.get("popularityBecause")
        if because:
            self.screen.print(storefront.choice_in_words(because), markup=False, soft_wrap=True)
        content = {
            "steps": steps.records,
            "addresses": show.addresses(status),
            "events": {topic: asdict(reconciliation) for topic, reconciliation in events.items()},
            "bundle": bundle,
            "generation": champion.get("generation"),
            "metrics": manifest.get("metrics", {}) | {"shelves": manifest.get("shelves", {})},
            "popularity_because": because,
            "peak_rss_mb": memory.megabytes,
        }
        write_json(self.state.path("demo.json"), content)
        if not all_agree(events.values()):
            wrong = {topic: asdict(each) for topic, each in events.items() if not each.agrees}
            raise PartError(f"sent and landed events differ: {wrong}")

    @contextlib.contextmanager
    def _stopping(self) -> Iterator[None]:
        """Stop everything in order, however the run ends."""
        for number in (signal.SIGINT, signal.SIGTERM):  # a shell's background job would ignore the first
            signal.signal(number, _interrupt)
        try:
            yield
        except KeyboardInterrupt:
            self.screen.print()
            if not self.has_finished:
                raise SystemExit(INTERRUPTED) from None
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
            has_drained = control.stop(self.state, self.screen.print, self.started)
        if not has_drained:
            raise PartError(f"stopped, but not everything was drained; see {self.state.log('supervisor')}")


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
