"""Waits until the topics' current content has landed: for `tanawari land`, the Dagster asset, and `down`."""

import asyncio
import time
from collections.abc import Coroutine, Mapping

import psycopg
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from warehouse import broker, offsets
from warehouse.member import Member
from warehouse.offsets import Counts
from warehouse.settings import LandingSettings
from warehouse.store import APPLICATION

PATIENCE_SECONDS = 2.0
"""After this time without progress, no landing process is active and we land ourselves."""

LONE_PATIENCE_SECONDS = 10.0
"""After this time without our own progress, we check whether the broker's log is still the same."""

POLL_SECONDS = 0.1


async def land_until_caught_up(settings: LandingSettings) -> dict[str, Counts]:
    """Return once everything that was in the topics when this was called has landed.

    Running landing processes do the work. Only if there are none, or there is no progress, this process lands itself.
    If the broker's log is recreated meanwhile, the goal is the content of the new one: the rest is lost.

    Returns:
        The counts of each topic's messages meanwhile, by any process; topics without messages are left out.
    """
    log_ids = await broker.log_ids(settings)
    with psycopg.connect(settings.warehouse_loader_url, autocommit=True) as connection:
        before = offsets.totals(connection)
        ends = await broker.log_ends(settings, offsets.stored_offsets(connection, log_ids))
        while not await _reached(connection, log_ids, ends, PATIENCE_SECONDS if _is_landing(connection) else 0):
            if (current := await _log_ids(settings, log_ids)) != log_ids:
                log_ids, ends = current, await broker.log_ends(settings, offsets.stored_offsets(connection, current))
            else:
                await _land_alone(settings, _reached(connection, log_ids, ends, LONE_PATIENCE_SECONDS))
        after = offsets.totals(connection)
    made = {topic: counts - before.get(topic, Counts()) for topic, counts in after.items()}
    return {topic: counts for topic, counts in made.items() if counts.consumed or counts.lost}


async def _land_alone(settings: LandingSettings, goal: Coroutine[None, None, bool]) -> None:
    """Land until the goal is reached or dropped, or another process claims a partition."""
    member = Member(settings, is_alone=True)
    running, reached = asyncio.create_task(member.run()), asyncio.create_task(goal)
    try:
        await asyncio.wait((running, reached), return_when=asyncio.FIRST_COMPLETED)
    finally:
        member.stop()
        reached.cancel()
        await running


async def _log_ids(settings: LandingSettings, known: dict[str, str]) -> dict[str, str]:
    """The current ids of the logs; while the broker is unavailable, the last known ones."""
    try:
        return await broker.log_ids(settings)
    except (KafkaError, OSError):
        return known


def _is_landing(connection: psycopg.Connection) -> bool:
    """Whether a landing process is connected to this warehouse."""
    query = "select 1 from pg_stat_activity where application_name = %s and datname = current_database() limit 1"
    return connection.execute(query, (APPLICATION,)).fetchone() is not None


async def _reached(
    connection: psycopg.Connection, log_ids: Mapping[str, str], ends: Mapping[TopicPartition, int], patience: float
) -> bool:
    """Wait until the warehouse has reached `ends`; False after `patience` seconds without progress."""
    seen: dict[TopicPartition, int] = {}
    moved_at = time.monotonic()
    while True:
        stored = await asyncio.to_thread(offsets.stored_offsets, connection, log_ids)
        if all(stored.get(partition, 0) >= end for partition, end in ends.items()):
            return True
        if stored != seen:
            seen, moved_at = stored, time.monotonic()
        elif time.monotonic() - moved_at > patience:
            return False
        await asyncio.sleep(POLL_SECONDS)
