"""Waits until all acknowledged events have arrived: outboxes are empty, consumers caught up, topics landed."""

import asyncio
import logging
import time
from collections.abc import Coroutine, Mapping

import psycopg
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from services.contracts.kafka import KafkaSettings
from services.contracts.topics import TOPICS
from stack.catch_up import landing_settings
from stack.deadlines import DRAIN_SECONDS
from stack.environment import Environment
from warehouse.broker import cluster_id, log_ends
from warehouse.catch_up import land_until_caught_up

logger = logging.getLogger("tanawari.drain")

POLL_SECONDS = 0.2


async def drain(environment: Environment, *, services: bool = True) -> bool:
    """Wait until no event is in flight, for at most `DRAIN_SECONDS` each for services and landing.

    Args:
        environment: has the databases and the broker.
        services: whether to wait for the services' outboxes and consumers, too.

    Returns:
        Whether everything arrived; the log names what did not.
    """
    arrivals = [_services_are_done(environment)] if services else []
    arrivals.append(_landing_is_done(environment))
    return all([await _arrives(arrival) for arrival in arrivals])  # both are awaited, even if the first one fails


async def _arrives(arrival: Coroutine[None, None, None]) -> bool:
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            await arrival
    except TimeoutError:
        logger.error("not drained within %.0f s", DRAIN_SECONDS)  # noqa: TRY400 - the trace of a time-out adds nothing
        return False
    except (KafkaError, psycopg.Error, OSError) as error:
        logger.error("not drained: %s", error)  # noqa: TRY400 - likewise
        return False
    return True


async def _landing_is_done(environment: Environment) -> None:
    await land_until_caught_up(landing_settings(environment.variables))


async def _services_are_done(environment: Environment) -> None:
    told = time.monotonic()
    while left := await services_under_way(environment):
        if time.monotonic() - told > 5:  # noqa: PLR2004 - seconds between two lines of the log
            logger.info("waiting for %s", "; ".join(left))
            told = time.monotonic()
        await asyncio.sleep(POLL_SECONDS)


async def services_under_way(environment: Environment) -> list[str]:
    """The events in outboxes and the messages that consumers have not read, as texts; empty if there are none."""
    urls = {
        program.name: environment.variables[program.database_variable]
        for program in environment.programs
        if program.has_outbox and program.database_variable
    }
    waiting = {name: _unpublished(url) for name, url in urls.items()}
    left = [f"{number} events in the outbox of {name}" for name, number in waiting.items() if number]
    groups = {group: topic for program in environment.programs for group, topic in program.consumes.items()}
    settings = landing_settings(environment.variables)
    for group, committed in (await _committed(settings, groups)).items():
        ends = await log_ends(settings, committed)
        behind = sum(max(0, end - committed.get(part, 0)) for part, end in ends.items() if part.topic == groups[group])
        if behind:
            left.append(f"{behind} messages before {group}")
    return left


def _unpublished(url: str) -> int:
    with psycopg.connect(url, connect_timeout=3) as connection:
        row = connection.execute("SELECT count(*) FROM outbox WHERE published_at IS NULL").fetchone()
    return int(row[0]) if row else 0


async def _committed(kafka: KafkaSettings, groups: Mapping[str, str]) -> dict[str, dict[TopicPartition, int]]:
    """The committed offsets of each group in its topic; the name of a group ends with the id of the broker's log."""
    log_id = await cluster_id(kafka)
    admin = AIOKafkaAdminClient(**kafka.client_arguments())
    try:
        await admin.start()
        committed = {}
        for group, topic in groups.items():
            parts = [TopicPartition(topic, number) for number in range(TOPICS[topic].partitions)]
            offsets = await admin.list_consumer_group_offsets(f"{group}.{log_id}", partitions=parts)
            committed[group] = {part: entry.offset for part, entry in offsets.items() if entry.offset >= 0}
        return committed
    finally:
        await admin.close()
