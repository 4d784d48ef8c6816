"""What is asked of the broker, and how it is consumed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from services.contracts.kafka import KafkaSettings
from services.contracts.topics import TOPICS
from warehouse.settings import LandingSettings

FETCH_BYTES = 8 * 1024 * 1024
PARTITION_FETCH_BYTES = 2 * 1024 * 1024
POSITION_SECONDS = 0.05
DAY_MS = 24 * 60 * 60 * 1000


def new_consumer(settings: LandingSettings, *, group: str | None) -> AIOKafkaConsumer:
    """A consumer whose memory is bounded, and that keeps no offsets at the broker; in a group or not."""
    return AIOKafkaConsumer(
        **settings.client_arguments(),
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",  # of other programs' transactions: what was aborted did not happen
        fetch_max_bytes=FETCH_BYTES,
        max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
        session_timeout_ms=settings.landing_session_ms,
        heartbeat_interval_ms=settings.landing_session_ms // 10,
        max_poll_interval_ms=DAY_MS,  # waiting for the warehouse is no reason to leave the group
    )


async def cluster_id(settings: KafkaSettings) -> str:
    """What the broker calls its cluster; the embedded one has a new name, and an empty log, at every start."""
    async with _admin(settings) as admin:
        return (await admin.describe_cluster())["cluster_id"] or ""


async def all_partitions(settings: KafkaSettings) -> set[TopicPartition]:
    """Those of the declared topics, as far as the broker has them (a consumer knows none before it has subscribed)."""
    async with _admin(settings) as admin:
        described = await admin.describe_topics()  # of all: some brokers would make one that is asked for
    return {
        TopicPartition(topic["topic"], part["partition"])
        for topic in described
        if topic["topic"] in TOPICS
        for part in topic["partitions"]
    }


@contextlib.asynccontextmanager
async def _admin(settings: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**settings.client_arguments())
    try:
        async with settings.explained():
            await admin.start()
        yield admin
    finally:
        await admin.close()


def log_end(consumer: AIOKafkaConsumer, partition: TopicPartition) -> int | None:
    """Where what may be read of a partition ends, once a fetch has told."""
    return consumer.last_stable_offset(partition) if partition in consumer.assignment() else None


def known_ends(consumer: AIOKafkaConsumer) -> dict[TopicPartition, int]:
    """The same of every partition of which a fetch has told it."""
    return {part: end for part in consumer.assignment() if (end := log_end(consumer, part)) is not None}


async def positions(consumer: AIOKafkaConsumer) -> dict[TopicPartition, int]:
    """Where the next fetch of each partition begins.

    That is behind the last message it got, and behind what no consumer gets: the markers of transactions, what was
    aborted, what the log has dropped. Partitions whose position is being asked for are left out.
    """
    found = {}
    for partition in consumer.assignment():
        with contextlib.suppress(TimeoutError):
            found[partition] = await asyncio.wait_for(consumer.position(partition), POSITION_SECONDS)
    return found


async def log_ends(settings: LandingSettings, start: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
    """Where every partition's log ends.

    Args:
        settings: which broker.
        start: offsets from which a fetch costs little; partitions not named are read from their beginning.
    """
    consumer = new_consumer(settings, group=None)
    try:
        async with settings.explained():
            await consumer.start()
        partitions = await all_partitions(settings)
        consumer.assign(partitions)
        for partition in partitions & start.keys():
            consumer.seek(partition, start[partition])
        ends: dict[TopicPartition, int] = {}
        while ends.keys() < partitions:
            await consumer.getmany(timeout_ms=50, max_records=1)
            ends = {partition: end for partition in partitions if (end := log_end(consumer, partition)) is not None}
        return ends
    finally:
        await consumer.stop()
