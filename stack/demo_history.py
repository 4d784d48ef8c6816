"""The steps of the demo that bring the history in: convert it once, send it once, and later renew what has ended."""

import asyncio
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import polars as pl

from stack.drain import landing_settings
from stack.environment import Environment
from stack.history import completejourney
from stack.history.folder import read_manifest, read_table
from stack.history.record import HistoryRecord, whole_weeks_until
from stack.history.upload import Catalog
from stack.importer import Import
from stack.reckoning import landing_totals
from stack.state import State
from stack.steps import Step, Steps
from warehouse.catch_up import land_until_caught_up

HOUSEHOLDS = 4
"""So many users are offered in the storefront preview."""


def convert(state: State, users: int | None, days: int | None, step: Step) -> HistoryRecord:
    """Make the import folder unless the right one is there; the shift of its dates is fixed by the first run."""
    folder = state.path("history")
    record, manifest = HistoryRecord.read(state), read_manifest(folder) if folder.exists() else None
    if record is None or manifest is None or (manifest.users, manifest.days) != (users, days):
        manifest = completejourney.convert(folder, users=users, days=days)
        weeks = record.shift_weeks if record else whole_weeks_until(datetime.now(UTC), manifest.last_event_at)
        window = manifest.evaluation_starts_at
        record = HistoryRecord(
            shift_weeks=weeks,
            users=users,
            days=days,
            evaluation_starts_at=window + Import(folder, weeks).shift if window else None,
            households=tuple(_households(read_table(folder, "orders"))),
        )
        record.write(state)
    step.counts |= manifest.counts
    return record


def renew_offers(environment: Environment, record: HistoryRecord, step: Step) -> None:
    """Start those offers anew that have ended since the last run."""
    with _catalog(environment) as catalog:
        step.counts["renewed"] = _source(environment, record).renew_offers(catalog)


def send(environment: Environment, record: HistoryRecord, steps: Steps) -> tuple[Counter[str], HistoryRecord]:
    """Send the folder and wait until it has landed.

    Returns:
        The events that the broker acknowledged, by topic, and the record, which now says that they were sent.
    """
    source, variables = _source(environment, record), environment.variables
    counts = source.manifest.counts
    with steps.step("catalogue") as step, _catalog(environment) as catalog:
        step.expect(counts["categories"] + counts["products"])
        catalogue = source.send_catalogue(catalog, step.advance)
        step.counts |= {name: counts[name] for name in ("categories", "products", "special_prices")}
    with steps.step("events") as step:
        step.expect(2 * counts["orders"] + counts["simulated_actions"])
        idempotent = variables["KAFKA_IDEMPOTENCE"] == "true"
        sending = source.send_history(catalogue, variables["KAFKA_URL"], step.advance, idempotent=idempotent)
        sent = asyncio.run(sending)
        step.counts |= sent
    with steps.step("landing") as step:
        _land(environment, step)
    record = record.model_copy(update={"is_sent": True})
    record.write(environment.state)
    return sent, record


def _source(environment: Environment, record: HistoryRecord) -> Import:
    return Import(environment.state.path("history"), record.shift_weeks)


def _catalog(environment: Environment) -> Catalog:
    return Catalog(environment.variables["CATALOG_URL"], environment.service_token)


def _households(orders: pl.DataFrame) -> list[str]:
    """Some users with many orders, from the busiest down to the middle."""
    busiest = orders.group_by("user_id").agg(pl.col("external_id").n_unique().alias("orders"))
    users = busiest.sort("orders", "user_id", descending=[True, False]).get_column("user_id").to_list()
    return users[: max(1, len(users) // 2) : max(1, len(users) // (2 * HOUSEHOLDS))][:HOUSEHOLDS]


def _land(environment: Environment, step: Step) -> None:
    """Wait until everything that was sent has landed, and show how far it has come."""

    def consumed() -> int:
        return sum(totals["consumed"] for totals in landing_totals(environment).values())

    with ThreadPoolExecutor(1) as pool:
        landing = pool.submit(asyncio.run, land_until_caught_up(landing_settings(environment)))
        while not landing.done():
            step.say(f"{consumed():,} events")
            time.sleep(0.5)
        landing.result()
    step.counts["events"] = consumed()
