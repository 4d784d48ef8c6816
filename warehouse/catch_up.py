"""Lands what is in the topics now, then returns: `tanawari land`, the Dagster asset, `down` before the broker stops."""

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
"""Without progress for so long, no landing process is at work and we take part ourselves."""

LONE_PATIENCE_SECONDS = 10.0
"""Without progress of our own for so long, we look whether the broker's log is still the same."""

POLL_SECONDS = 0.1


async def land_until_caught_up(settings: LandingSettings) -> dict[str, Counts]:
    """Return once everything that was in the topics when this was called has landed.

    Running landing processes are left to do it. Only where there are none, or nothing moves, does this process land.
    If the broker's log begins anew meanwhile, what counts is what is in the new one: the rest is gone.

    Returns:
        What became of each topic's messages in the meantime, whoever landed them; topics without any are left out.
    """
    log_id = await broker.cluster_id(settings)
    with psycopg.connect(settings.warehouse_loader_url, autocommit=True) as connection:
        before = offsets.totals(connection)
        ends = await broker.log_ends(settings, offsets.stored_offsets(connection, log_id))
        while not await _reached(connection, log_id, ends, PATIENCE_SECONDS if _is_landing(connection) else 0):
            if (current := await _log_id(settings, log_id)) != log_id:
                log_id, ends = current, await broker.log_ends(settings, offsets.stored_offsets(connection, current))
            else:
                await _land_alone(settings, _reached(connection, log_id, ends, LONE_PATIENCE_SECONDS))
        after = offsets.totals(connection)
    made = {topic: counts - before.get(topic, Counts()) for topic, counts in after.items()}
    return {topic: counts for topic, counts in made.items() if counts.consumed or counts.lost}


async def _land_alone(settings: LandingSettings, goal: Coroutine[None, None, bool]) -> None:
    """Land until the goal is reached or given up, or another process claims a partition."""
    member = Member(settings, is_alone=True)
    running, reached = asyncio.create_task(member.run()), asyncio.create_task(goal)
    try:
        await asyncio.wait((running, reached), return_when=asyncio.FIRST_COMPLETED)
    finally:
        member.stop()
        reached.cancel()
        await running


async def _log_id(settings: LandingSettings, known: str) -> str:
    """The log that the broker has now; while it is away, the one that was known."""
    try:
        return await broker.cluster_id(settings)
    except (KafkaError, OSError):
        return known


def _is_landing(connection: psycopg.Connection) -> bool:
    """Whether a landing process is connected to this warehouse."""
    query = "select 1 from pg_stat_activity where application_name = %s and datname = current_database() limit 1"
    return connection.execute(query, (APPLICATION,)).fetchone() is not None


async def _reached(
    connection: psycopg.Connection, log_id: str, ends: Mapping[TopicPartition, int], patience: float
) -> bool:
    """Wait until the warehouse has come to `ends`; False once nothing has moved for `patience` seconds."""
    seen: dict[TopicPartition, int] = {}
    moved_at = time.monotonic()
    while True:
        stored = await asyncio.to_thread(offsets.stored_offsets, connection, log_id)
        if all(stored.get(partition, 0) >= end for partition, end in ends.items()):
            return True
        if stored != seen:
            seen, moved_at = stored, time.monotonic()
        elif time.monotonic() - moved_at > patience:
            return False
        await asyncio.sleep(POLL_SECONDS)
