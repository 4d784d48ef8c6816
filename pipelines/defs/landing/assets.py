"""The raw event tables: every message of every topic, landed exactly once."""

import asyncio
from collections.abc import Iterator

import dagster as dg

from pipelines.freshness import EVERY_NIGHT
from services.contracts.registry import EVENTS
from services.contracts.topics import TOPICS, Topic
from warehouse.catch_up import land_until_caught_up
from warehouse.offsets import Counts
from warehouse.settings import LandingSettings

LANDED = [topic for topic in TOPICS.values() if topic.name != "dead-letters.v1"]
CHECK = "nothing_is_lost"
PATIENCE_SECONDS = 30 * 60
"""A broker or warehouse that is away is waited for; a run that waits longer than this fails and says so."""


def _spec(topic: Topic) -> dg.AssetSpec:
    events = ", ".join(kind.name for kind in EVENTS.values() if kind.topic == topic.name)
    return dg.AssetSpec(
        ["raw", topic.table],
        description=f"Every event of `{topic.name}`, one row an event id. Keyed by {topic.key}. Carries {events}.",
        group_name="landing",
        kinds={"kafka", "postgres"},
        freshness_policy=EVERY_NIGHT,
    )


def _check(topic: Topic) -> dg.AssetCheckSpec:
    rule = "landed + duplicates + dead letters = consumed."
    return dg.AssetCheckSpec(CHECK, asset=["raw", topic.table], description=rule)


@dg.multi_asset(
    specs=[_spec(topic) for topic in LANDED],
    check_specs=[_check(topic) for topic in LANDED],
    retry_policy=dg.RetryPolicy(max_retries=2, delay=5),
)
def raw_events(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
    """Wait until all that was in the topics has landed; land it here if no landing process is at work."""
    landed = asyncio.run(asyncio.wait_for(land_until_caught_up(LandingSettings()), PATIENCE_SECONDS))
    for topic in LANDED:
        counts = landed.get(topic.name, Counts())
        context.log.info("%s: %s", topic.name, counts)
        yield _result(topic, counts)


def _result(topic: Topic, counts: Counts) -> dg.MaterializeResult[None]:
    lost = counts.consumed - counts.landed - counts.duplicates - counts.dead_letters
    asset = ["raw", topic.table]
    return dg.MaterializeResult(
        asset_key=asset,
        metadata={
            "dagster/row_count": counts.landed,
            "duplicates": counts.duplicates,
            "dead_letters": counts.dead_letters,
        },
        check_results=[
            dg.AssetCheckResult(passed=lost == 0, asset_key=asset, check_name=CHECK, metadata={"lost": lost})
        ],
    )
