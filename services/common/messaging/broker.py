"""What consumers ask the broker: which log it has, and how much is unread.

The embedded broker loses its log at a restart without notice: a consumer that continued at its old offset would
silently skip messages of the new log. Each of its starts has a new cluster id; Apache Kafka's never changes. So
consumers store their offsets under the cluster id, check the embedded broker's id now and then, and start from the
beginning when it differs.
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
    """The broker has another log than before; read it from its beginning."""


async def cluster_id(settings: KafkaSettings) -> str:
    """The broker's cluster id.

    Raises:
        KafkaError: it does not respond.
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
        described = await admin.describe_topics()  # of all: some brokers create a topic that is asked for
    finally:
        await admin.close()
    return [
        TopicPartition(each["topic"], part["partition"])
        for each in described
        if each["topic"] in topics
        for part in each["partitions"]
    ]


class LogWatch:
    """Remembers the cluster id; `check` raises when it has changed."""

    def __init__(self, settings: KafkaSettings, log_id: str) -> None:
        self._settings = settings
        self._checked_at = time.monotonic()
        self._is_unavailable = False
        self.log_id = log_id

    @classmethod
    async def begin(cls, settings: KafkaSettings) -> Self:
        """Watch the broker's current log; raises as `cluster_id` does."""
        return cls(settings, await cluster_id(settings))

    async def check(self) -> None:
        """Ask the embedded broker again if its last response is some seconds old; an outage is not reported here.

        Raises:
            LogReplacedError: the id has changed.
        """
        if not self.log_id.startswith(VOLATILE) or time.monotonic() - self._checked_at < CHECK_SECONDS:
            return
        self._checked_at = time.monotonic()
        try:
            present = await cluster_id(self._settings)
        except (KafkaError, OSError) as error:
            if not self._is_unavailable:
                logger.warning("the broker is unavailable: %s", type(error).__name__)
            self._is_unavailable = True
            return
        self._is_unavailable = False
        if present != self.log_id:
            raise LogReplacedError("the broker's log was replaced")


async def positions(client: AIOKafkaConsumer) -> dict[TopicPartition, int]:
    """The position of the next fetch of each partition: after the last message and transaction markers."""
    return {partition: await client.position(partition) for partition in client.assignment()}


def lag(client: AIOKafkaConsumer, reached: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
    """The number of messages after the current positions, as of the last fetches."""
    ends = {partition: client.last_stable_offset(partition) for partition in reached}
    return {partition: max(end - reached[partition], 0) for partition, end in ends.items() if end is not None}


def has_unread(client: AIOKafkaConsumer, reached: Mapping[TopicPartition, int]) -> bool:
    """Whether there are messages after the current positions, as of the last fetches."""
    return any(lag(client, reached).values())
