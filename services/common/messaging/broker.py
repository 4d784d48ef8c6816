"""What consumers must ask of the broker: which log it holds, and whether something waits there to be read.

The embedded broker keeps nothing at a restart and does not say so: a consumer that went on at its old position would
silently skip what the new log holds. Each of its starts has its own cluster id, and Apache Kafka's never changes; so
consumers keep their offsets under it, and of the embedded one they ask for it now and then, and start afresh when it
differs.
"""

import logging
import time
from collections.abc import Collection, Mapping
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from services.contracts.kafka import VOLATILE, KafkaSettings

logger = logging.getLogger(__name__)

CHECK_SECONDS = 2.0


class LogReplacedError(ConnectionError):
    """The broker holds another log than before; read it from its beginning."""


async def cluster_id(settings: KafkaSettings) -> str:
    """What the broker calls its cluster.

    Raises:
        KafkaError: it does not answer.
    """
    admin = AIOKafkaAdminClient(**settings.client_arguments(), request_timeout_ms=3_000)
    try:
        async with settings.explained():
            await admin.start()
        return str((await admin.describe_cluster())["cluster_id"])
    finally:
        await admin.close()


async def partitions_of(settings: KafkaSettings, topics: Collection[str]) -> list[TopicPartition]:
    """The partitions of those of the topics that exist (a consumer knows none before it has subscribed).

    Raises:
        KafkaError: the broker does not answer.
    """
    admin = AIOKafkaAdminClient(**settings.client_arguments(), request_timeout_ms=3_000)
    try:
        async with settings.explained():
            await admin.start()
        described = await admin.describe_topics()  # of all: some brokers would make one that is asked for
    finally:
        await admin.close()
    return [
        TopicPartition(each["topic"], part["partition"])
        for each in described
        if each["topic"] in topics
        for part in each["partitions"]
    ]


class LogWatch:
    """Remembers the cluster's id; `check` tells when it is another."""

    def __init__(self, settings: KafkaSettings, log_id: str) -> None:
        self._settings = settings
        self._checked_at = time.monotonic()
        self._is_away = False
        self.log_id = log_id

    @classmethod
    async def begin(cls, settings: KafkaSettings) -> Self:
        """Watch the log that the broker holds now; raises as `cluster_id` does."""
        return cls(settings, await cluster_id(settings))

    async def check(self) -> None:
        """Ask the embedded broker again, if its last answer is some seconds old; that it is away is no news.

        Raises:
            LogReplacedError: the id is another.
        """
        if not self.log_id.startswith(VOLATILE) or time.monotonic() - self._checked_at < CHECK_SECONDS:
            return
        self._checked_at = time.monotonic()
        try:
            present = await cluster_id(self._settings)
        except (KafkaError, OSError) as error:
            if not self._is_away:
                logger.warning("the broker is unavailable: %s", type(error).__name__)
            self._is_away = True
            return
        self._is_away = False
        if present != self.log_id:
            raise LogReplacedError("the broker's log was replaced")


async def positions(client: AIOKafkaConsumer) -> dict[TopicPartition, int]:
    """Where the next fetch of each partition begins: behind the last message, and the markers of transactions."""
    return {partition: await client.position(partition) for partition in client.assignment()}


def lag(client: AIOKafkaConsumer, reached: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
    """How many messages there are beyond the positions reached, as far as the last fetches told."""
    ends = {partition: client.last_stable_offset(partition) for partition in reached}
    return {partition: max(end - reached[partition], 0) for partition, end in ends.items() if end is not None}


def has_unread(client: AIOKafkaConsumer, reached: Mapping[TopicPartition, int]) -> bool:
    """Whether the last fetches told of messages beyond the positions reached."""
    return any(lag(client, reached).values())
