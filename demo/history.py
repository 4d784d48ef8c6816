"""The steps of the demo that bring the history in: convert it once, send it once, and later renew what has ended."""

from collections import Counter
from datetime import UTC, datetime
from functools import partial

import polars as pl

from demo import completejourney
from services.contracts.envelope import VISITOR
from shop_import.folder import read_manifest, scan_table
from shop_import.importer import Import
from shop_import.sender import by_topic
from shop_import.sending import Target, send_users
from shop_import.sending import send as send_folder
from shop_import.steps import Step, Steps
from stack.catch_up import one_log, wait_until_landed
from stack.environment import Environment
from stack.history import HistoryRecord, whole_weeks_until
from stack.state import State, StateError

SHOPPERS = 4
"""So many users are offered in the storefront preview."""


def refuse_a_shop(state: State) -> None:
    """Refuse a state with imported data.

    Raises:
        StateError: it holds a shop of its own.
    """
    record = HistoryRecord.read(state.directory)
    if record and record.source == "shop":
        raise StateError(f"{state.directory} holds an imported shop: choose another directory with --state DIR")


def convert(state: State, users: int | None, days: int | None, step: Step) -> HistoryRecord:
    """Make the import folder unless the right one is there; the shift of its dates is fixed by the first run."""
    folder = state.path("history")
    record, manifest = HistoryRecord.read(state.directory), read_manifest(folder) if folder.exists() else None
    asked = (users, days)
    if not (record and manifest and (record.users, record.days) == (manifest.users, manifest.days) == asked):
        (folder / "import.yaml").unlink(missing_ok=True)  # what a killed conversion leaves must not count as complete
        manifest = completejourney.convert(folder, users=users, days=days)
        weeks = record.shift_weeks if record else whole_weeks_until(datetime.now(UTC), manifest.last_event_at)
        window = manifest.evaluation_starts_at
        record = HistoryRecord(
            shift_weeks=weeks,
            users=users,
            days=days,
            evaluation_starts_at=window + Import(folder, weeks).shift if window else None,
            shoppers=tuple(shoppers(scan_table(folder, "orders"))),
        )
        record.write(state.directory)
    step.counts |= manifest.counts
    return record


def make_users(environment: Environment, record: HistoryRecord, steps: Steps) -> HistoryRecord:
    """Make the households users, without passwords; the record, which now says so."""
    send_users(_target(environment), _source(environment, record), steps)
    record = record.model_copy(update={"has_users": True})
    record.write(environment.state.directory)
    return record


def renew_offers(environment: Environment, record: HistoryRecord, step: Step) -> None:
    """Start those offers anew that have ended since the last run."""
    with _target(environment).catalog() as catalog:
        step.counts["renewed"] = _source(environment, record).renew_offers(catalog)


def send(environment: Environment, record: HistoryRecord, steps: Steps) -> tuple[Counter[str], HistoryRecord]:
    """Send the folder and wait until it has landed.

    Returns:
        The events that the broker acknowledged, by topic, and the record, which now says that they were sent.

    Raises:
        PartError: something of it was lost with the broker.
    """
    with one_log(environment.variables):
        sent = send_folder(_target(environment), _source(environment, record), steps)
        with steps.step("landing") as step:
            step.counts["events"] = wait_until_landed(environment.variables, step.say)
    record = record.model_copy(update={"is_sent": True})
    record.write(environment.state.directory)
    return by_topic(sent), record


def _target(environment: Environment) -> Target:
    return Target.of(environment.variables, partial(environment.signer("importer").authenticate, "importer"))


def _source(environment: Environment, record: HistoryRecord) -> Import:
    return Import(environment.state.path("history"), record.shift_weeks)


def shoppers(orders: pl.LazyFrame) -> list[str]:
    """Some users with many orders, from the busiest down to the middle."""
    of_users = orders.filter(~pl.col("user_id").str.starts_with(VISITOR))
    busiest = of_users.group_by("user_id").agg(pl.col("external_id").n_unique().alias("orders"))
    ranked = busiest.sort("orders", "user_id", descending=[True, False]).select("user_id")
    users: list[str] = ranked.collect(engine="streaming").get_column("user_id").to_list()
    return users[: max(1, len(users) // 2) : max(1, len(users) // (2 * SHOPPERS))][:SHOPPERS]
