"""The raw event tables: every message of every topic, landed exactly once."""

import asyncio
from collections.abc import Iterator

import dagster as dg

from services.contracts.registry import EVENTS
from services.contracts.topics import TOPICS, Topic
from warehouse.catch_up import land_until_caught_up
from warehouse.offsets import Counts
from warehouse.settings import LandingSettings


def _spec(topic: Topic) -> dg.AssetSpec:
    events = ", ".join(kind.name for kind in EVENTS.values() if kind.topic == topic.name)
    return dg.AssetSpec(
        ["raw", topic.table],
        description=f"Every event of `{topic.name}`, one row an event id. Keyed by {topic.key}. Carries {events}.",
        group_name="landing",
        kinds={"kafka", "postgres"},
        skippable=True,
    )


@dg.multi_asset(
    specs=[_spec(topic) for topic in TOPICS.values() if topic.name != "dead-letters.v1"],
    retry_policy=dg.RetryPolicy(max_retries=2, delay=5),
    check_specs=[
        dg.AssetCheckSpec(
            "nothing_is_lost",
            asset=["raw", topic.table],
            description="Of each topic: landed + duplicates + dead letters = consumed.",
        )
        for topic in TOPICS.values()
        if topic.name != "dead-letters.v1"
    ],
)
def raw_events(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
    """Wait until all that was in the topics has landed; land it here if no landing process is at work."""
    landed = asyncio.run(land_until_caught_up(LandingSettings()))
    for topic in TOPICS.values():
        if topic.name == "dead-letters.v1":
            continue
        counts = landed.get(topic.name, Counts())
        context.log.info("%s: %s", topic.name, counts)
        lost = counts.consumed - counts.landed - counts.duplicates - counts.dead_letters
        yield dg.MaterializeResult(
            asset_key=["raw", topic.table],
            metadata={
                "dagster/partition_row_count": counts.landed,
                "duplicates": counts.duplicates,
                "dead_letters": counts.dead_letters,
            },
            check_results=[
                dg.AssetCheckResult(
                    passed=lost == 0,
                    asset_key=["raw", topic.table],
                    check_name="nothing_is_lost",
                    metadata={"lost": lost},
                )
            ],
        )
