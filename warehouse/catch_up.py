"""Lands what is in the topics now, then returns: `tanawari land`, the Dagster asset, `down` before the broker stops."""

import asyncio
import time
from collections.abc import Mapping

import psycopg
from aiokafka import AIOKafkaConsumer, TopicPartition

from services.contracts.topics import TOPICS
from warehouse import offsets
from warehouse.member import Member, cluster_id
from warehouse.offsets import Counts
from warehouse.settings import LandingSettings

PATIENCE_SECONDS = 2.0
"""Without progress for so long, no landing process is at work and we take part ourselves."""

POLL_SECONDS = 0.1


async def land_until_caught_up(settings: LandingSettings) -> dict[str, Counts]:
    """Return once everything that was in the topics when this was called has landed.

    Running landing processes are left to do it; joining would make their group stop and share anew. Only if nothing
    moves does this process join.

    Returns:
        What became of each topic's messages in the meantime, whoever landed them; topics without any are left out.
    """
    log_id = await cluster_id(settings.kafka_url)
    with psycopg.connect(settings.warehouse_loader_url, autocommit=True) as connection:
        before = offsets.totals(connection)
        ends = await log_ends(settings.kafka_url, offsets.stored_offsets(connection, log_id))
        if not await _reached(connection, log_id, ends, PATIENCE_SECONDS):
            member = Member(settings)
            running = asyncio.create_task(member.run())
            try:
                reached = asyncio.create_task(_reached(connection, log_id, ends, float("inf")))
                await asyncio.wait((running, reached), return_when=asyncio.FIRST_COMPLETED)
            finally:
                member.stop()
                reached.cancel()
                await running
        after = offsets.totals(connection)
    made = {topic: counts - before.get(topic, Counts()) for topic, counts in after.items()}
    return {topic: counts for topic, counts in made.items() if counts.consumed}


async def log_ends(kafka_url: str, start: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
    """The end of every topic partition, as its fetch answers tell: the embedded broker's list of ends is wrong.

    Args:
        kafka_url: the broker.
        start: offsets from which a fetch costs little; partitions not named are read from their beginning.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka_url, enable_auto_commit=False, auto_offset_reset="earliest", max_partition_fetch_bytes=1
    )
    await consumer.start()
    try:
        partitions = {
            TopicPartition(topic, number)
            for topic in await consumer.topics() & set(TOPICS)
            for number in consumer.partitions_for_topic(topic) or ()
        }
        if not partitions:
            return {}
        consumer.assign(partitions)
        for partition in partitions & start.keys():
            consumer.seek(partition, start[partition])
        ends: dict[TopicPartition, int | None] = dict.fromkeys(partitions)
        while not all(end is not None for end in ends.values()):
            await consumer.getmany(timeout_ms=50)
            ends = {partition: consumer.highwater(partition) for partition in partitions}
        return {partition: end for partition, end in ends.items() if end is not None}
    finally:
        await consumer.stop()


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
