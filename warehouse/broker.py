"""Queries to the broker, and its consumer."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient

from services.contracts import topic_ids
from services.contracts.consumers import close
from services.contracts.kafka import KafkaSettings
from services.contracts.topics import TOPICS
from warehouse.settings import LandingSettings

FETCH_BYTES = 8 * 1024 * 1024
PARTITION_FETCH_BYTES = 2 * 1024 * 1024
POSITION_SECONDS = 0.05
DAY_MS = 24 * 60 * 60 * 1000


def new_consumer(settings: LandingSettings, *, group: str | None, reset: str = "none") -> AIOKafkaConsumer:
    """A consumer with bounded memory that commits no offsets; with or without a group.

    An offset that the log does not have is an error, unless `reset` says where to go on.
    """
    return AIOKafkaConsumer(
        **settings.client_arguments(),
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset=reset,
        isolation_level="read_committed",  # skip aborted transactions of other programs
        fetch_max_bytes=FETCH_BYTES,
        max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
        session_timeout_ms=settings.landing_session_ms,
        heartbeat_interval_ms=settings.landing_session_ms // 10,
        max_poll_interval_ms=DAY_MS,  # waiting for the warehouse must not end group membership
    )


async def cluster_id(settings: KafkaSettings) -> str:
    """The broker's cluster id; the embedded broker has a new id, and an empty log, at every start."""
    async with _admin(settings) as admin:
        return (await admin.describe_cluster())["cluster_id"] or ""


async def log_ids(settings: KafkaSettings) -> dict[str, str]:
    """The id of each declared topic's log."""
    client = AIOKafkaClient(**settings.client_arguments())
    try:
        async with settings.explained():
            await client.bootstrap()
        return await topic_ids.log_ids(client)
    finally:
        await client.close()


async def log_ids_of(consumer: AIOKafkaConsumer) -> dict[str, str]:
    """The same, asked over the consumer's connection: a new one costs a TLS handshake and a login."""
    return await topic_ids.log_ids(consumer._client)  # noqa: SLF001 - there is no public way to send a request


async def all_partitions(settings: KafkaSettings) -> set[TopicPartition]:
    """The partitions of the declared topics that exist (a consumer knows none before it has subscribed)."""
    async with _admin(settings) as admin:
        described = await admin.describe_topics()  # of all: some brokers create a topic that is asked for
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
    """The readable end of a partition, once a fetch has reported it."""
    return consumer.last_stable_offset(partition) if partition in consumer.assignment() else None


def known_ends(consumer: AIOKafkaConsumer) -> dict[TopicPartition, int]:
    """The readable end of every partition for which a fetch has reported it."""
    return {part: end for part in consumer.assignment() if (end := log_end(consumer, part)) is not None}


async def positions(consumer: AIOKafkaConsumer) -> dict[TopicPartition, int]:
    """The position of the next fetch of each partition.

    It is after the last received message, and after what no consumer receives: transaction markers, aborted messages,
    and messages deleted by retention. Partitions without a known position are left out.
    """
    found = {}
    for partition in consumer.assignment():
        with contextlib.suppress(TimeoutError):
            found[partition] = await asyncio.wait_for(consumer.position(partition), POSITION_SECONDS)
    return found


async def log_ends(settings: LandingSettings, start: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
    """The end offset of every partition.

    Args:
        settings: the broker.
        start: offsets near the end, so that a fetch is cheap; other partitions are read from their beginning.
    """
    consumer = new_consumer(settings, group=None, reset="earliest")
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
        await close(consumer)
