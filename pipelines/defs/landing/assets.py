"""The raw event tables: every message of every topic, landed exactly once."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import dagster as dg

from pipelines.freshness import EVERY_NIGHT
from services.contracts.registry import EVENTS
from services.contracts.topics import TOPICS, Topic
from warehouse.catch_up import land_until_caught_up
from warehouse.freshness import newest_row
from warehouse.offsets import Counts
from warehouse.reconciliation import Account, reconciled
from warehouse.settings import LandingSettings
from warehouse.tables import DEAD_LETTERS_TOPIC

BUSY = [TOPICS["order.v1"], TOPICS["user-actions.v1"]]
"""In a shop that is open, no day passes without these; in others a quiet day says nothing."""
FRESH_FOR = timedelta(days=1)
CHECK, IS_FRESH = "nothing_is_lost", "is_fresh"
ACCOUNTS = dg.TableSchema(
    [
        dg.TableColumn(name, "int")
        for name in (
            *("partition", "consumed", "landed", "duplicates", "dead_letters", "lost"),
            *("new_stored", "new_found", "new_lost"),
        )
    ]
)
PATIENCE_SECONDS = 30 * 60
"""A run waits this long for an unavailable broker or warehouse, then fails."""


def _key(topic: Topic) -> list[str]:
    return ["raw", "dead_letters" if topic.name == DEAD_LETTERS_TOPIC else topic.table]


def _spec(topic: Topic) -> dg.AssetSpec:
    events = ", ".join(kind.name for kind in EVENTS.values() if kind.topic == topic.name)
    keyed = f"Keyed by {topic.key.words}. Carries {events}."
    return dg.AssetSpec(
        _key(topic),
        description=f"Every event of `{topic.name}`, one row an event id. {keyed}",
        group_name="landing",
        kinds={"kafka", "postgres"},
        freshness_policy=EVERY_NIGHT,
    )


def _check(topic: Topic) -> dg.AssetCheckSpec:
    rule = (
        "By partition, landed + duplicates + dead letters = consumed; what was stored since the last time is there; "
        "and retention deleted nothing unread."
    )
    return dg.AssetCheckSpec(CHECK, asset=_key(topic), description=rule)


def _freshness_check(topic: Topic) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(IS_FRESH, asset=_key(topic), description="A row has landed within the last day.")


@dg.multi_asset(
    specs=[_spec(topic) for topic in TOPICS.values()],
    check_specs=[*map(_check, TOPICS.values()), *map(_freshness_check, BUSY)],
    retry_policy=dg.RetryPolicy(max_retries=2, delay=5),
)
def raw_events(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
    """Wait until everything in the topics has landed; land it here if no landing process is active."""
    settings = LandingSettings()
    landed = asyncio.run(asyncio.wait_for(land_until_caught_up(settings), PATIENCE_SECONDS))
    for topic in TOPICS.values():
        counts = landed.get(topic.name, Counts())
        context.log.info("%s: %s", topic.name, counts)
        with reconciled(settings.warehouse_loader_url, topic) as accounts:  # ends once Dagster has stored the results
            yield dg.MaterializeResult(
                asset_key=_key(topic),
                metadata={
                    "dagster/row_count": counts.landed,
                    "duplicates": counts.duplicates,
                    "dead_letters": counts.dead_letters,
                },
                check_results=[_judge(topic, accounts), *_freshness(topic, settings.warehouse_loader_url)],
            )


def _freshness(topic: Topic, url: str) -> Iterator[dg.AssetCheckResult]:
    if topic in BUSY:
        newest = newest_row(url, topic)
        landed_at = f"at {newest.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if newest else "never"
        yield dg.AssetCheckResult(
            passed=newest is not None and datetime.now(UTC) - newest < FRESH_FOR,
            asset_key=_key(topic),
            check_name=IS_FRESH,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"the newest row landed {landed_at}",
        )


def _judge(topic: Topic, lanes: Sequence[Account]) -> dg.AssetCheckResult:
    amiss = [str(account) for account in lanes if account.lost or not account.is_whole]
    records = [
        dg.TableRecord(
            {
                "partition": -1 if each.partition is None else each.partition,
                **asdict(each.counts),
                "new_stored": each.stored,
                "new_found": each.found,
                "new_lost": each.lost,
            }
        )
        for each in lanes
    ]
    return dg.AssetCheckResult(
        passed=not amiss,
        asset_key=_key(topic),
        check_name=CHECK,
        description="; ".join(amiss) or None,
        metadata={"partitions": dg.MetadataValue.table(records, ACCOUNTS)},
    )
