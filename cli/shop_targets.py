"""The target of an import: the stack of a state, which is started if needed, or a deployment by its URLs."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from rich.console import Console

from cli.deployment import Deployment, location, of_urls, running
from cli.remote_job import DAGSTER, run_remotely
from cli.shop_history import refuse_another_shop
from cli.where import announce
from shop_import.mapping import Shop
from shop_import.steps import Steps
from stack import control, show, storefront
from stack.history import HistoryRecord
from stack.refresh import JOB, run_job
from stack.state import Pins, State, StateError, locked

WORK_DIRECTORY = Path(".tanawari-import")


class ShopTarget(Protocol):
    """The target of an import."""

    @property
    def directory(self) -> Path:
        """Keeps the shop's imports and their progress."""

    @property
    def name(self) -> str | None:
        """The deployment that the directory belongs to; None for a state."""

    def locked(self) -> AbstractContextManager[None]:
        """Lock the directory against other commands."""

    def refuse(self, shop: Shop, weeks: int | None) -> None:
        """Raise StateError if the directory holds another shop."""

    def open(self, steps: Steps) -> Deployment:
        """The running deployment to send to."""

    def refresh(self, deployment: Deployment, record: HistoryRecord, steps: Steps, screen: Console) -> str | None:
        """Create models and shelves; the reason if only popularity is served."""

    def addresses(self) -> dict[str, str]:
        """The addresses that people open."""


@dataclass(frozen=True)
class LocalShop:
    """The stack of a state; it keeps running afterwards."""

    state: State
    pinned: Pins
    name: str | None = None

    @property
    def directory(self) -> Path:
        """The state."""
        return self.state.directory

    def locked(self) -> AbstractContextManager[None]:
        """The state's lock."""
        return self.state.locked()

    def refuse(self, shop: Shop, weeks: int | None) -> None:
        """Refuse another shop, and a stack that was started before the time zone of its shop was known."""
        refuse_another_shop(self.directory, shop, weeks, None, "choose another directory with --state DIR")
        if self.state.supervisor and HistoryRecord.read(self.directory) is None:
            raise StateError(
                f"the stack of {self.directory} was started before its shop's time zone was known: run tanawari down; "
                "the import starts it again"
            )

    def open(self, steps: Steps) -> Deployment:
        """Start the stack unless it is running."""
        with steps.step("start") as step:
            if self.state.supervisor:
                status = control.wait_until(self.state, "running", step.say)
            else:
                _, status = control.bring_up(self.state, self.pinned, step.say, stays=True)
            step.counts["processes"] = len(status["processes"])
        return running(self.directory)

    def refresh(self, deployment: Deployment, record: HistoryRecord, steps: Steps, screen: Console) -> str | None:
        """Run the job here and wait until the shop shows its shelves."""
        environment = deployment.stack
        assert environment is not None, "as `open` gave it"
        with steps.step(JOB) as step:
            step.counts |= run_job(environment, JOB, step.say)
        record.model_copy(update={"is_served": True}).write(self.directory)
        with steps.step("shop") as step:
            step.counts |= storefront.wait_until_served(environment, next(iter(record.shoppers), None))
        because = storefront.popularity_because(environment)
        screen.print(storefront.choice_in_words(because), markup=False, soft_wrap=True)
        return because

    def addresses(self) -> dict[str, str]:
        """Of the stack."""
        return show.addresses(self.state.status())


@dataclass(frozen=True)
class RemoteShop:
    """A deployment, with a local directory that records what was sent to it."""

    directory: Path

    @property
    def name(self) -> str:
        """Its catalog and broker: the record is valid for these only."""
        variables = of_urls().variables
        return ", ".join(location(variables[name]) for name in ("CATALOG_URL", "KAFKA_URL"))

    def locked(self) -> AbstractContextManager[None]:
        """The directory's lock."""
        return locked(self.directory)

    def refuse(self, shop: Shop, weeks: int | None) -> None:
        """Refuse a directory of another shop or of another deployment."""
        refuse_another_shop(self.directory, shop, weeks, self.name, "choose another directory with --work-dir DIR")

    def open(self, steps: Steps) -> Deployment:
        """It is running already."""
        del steps
        return of_urls()

    def refresh(self, deployment: Deployment, record: HistoryRecord, steps: Steps, screen: Console) -> str | None:
        """Run the job at `DAGSTER_URL`; without it, print what to do."""
        url = deployment.variables.get(DAGSTER)
        if not url:
            told = f"Run Dagster's job `{JOB}` to build models and shelves; with {DAGSTER} set, tanawari runs it."
            screen.print(told, markup=False, soft_wrap=True)
            return None
        zone = deployment.variables.get("TANAWARI_TIMEZONE") or record.timezone or "UTC"
        today = datetime.now(ZoneInfo(zone)).date().isoformat()
        with steps.step(JOB) as step:
            run_remotely(url, JOB, step.say, {"dagster/partition": today})
        record.model_copy(update={"is_served": True}).write(self.directory)
        return None

    def addresses(self) -> dict[str, str]:
        """None: the deployment has its own."""
        return {}


def target(state: Path | None, work_directory: Path | None, pinned: Pins, *, sends: bool) -> ShopTarget:
    """The target of a command line.

    Args:
        state: of the stack; None for the URLs that are set.
        work_directory: for the record of what was sent to a deployment.
        pinned: ports of a stack that is started.
        sends: whether anything is sent at all.

    Raises:
        StateError: the options do not fit together, or a URL is missing.
    """
    if state is not None:
        if work_directory is not None:
            raise StateError(f"--work-dir is for a deployment; {state} keeps its own record")
        here = State(state)
        if sends:
            announce(here, will_start=here.supervisor is None)
        return LocalShop(here, pinned)
    deployment = of_urls()
    needed = ("CATALOG_URL", "KAFKA_URL", "WAREHOUSE_LOADER_URL")
    deployment.require(*needed, "AUTH_SIGNING_KEY_FILE")
    if sends:
        deployment.announce(*needed)
    directory = (work_directory or WORK_DIRECTORY).absolute()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return RemoteShop(directory)
