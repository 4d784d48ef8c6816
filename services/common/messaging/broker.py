"""What consumers ask the broker: which log each topic has, and how much is unread.

A topic that is deleted and created again has a new log under the old name, and the embedded broker has new logs after
each start: a consumer that continued at its old offset would silently skip messages. So consumers store with an offset
which log it is of, ask for the ids of the logs now and then, and read a new log from its start.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from services.contracts.kafka import KafkaSettings
from services.contracts.topic_ids import is_same_log, log_ids

logger = logging.getLogger(__name__)

CHECK_SECONDS = 3.0
AGAIN_SECONDS = 1.0
"""After a question that was not answered."""
ANSWER_SECONDS = 2.0
POSITION_SECONDS = 10.0


class LogReplacedError(ConnectionError):
    """A topic has another log than before; read it from its beginning."""


async def cluster_id(settings: KafkaSettings) -> str:
    """The broker's cluster id; empty if it has none.

    Raises:
        KafkaError: it does not respond.
    """
    admin = AIOKafkaAdminClient(**settings.client_arguments(), request_timeout_ms=3_000)
    try:
        async with settings.explained():
            await admin.start()
        return (await admin.describe_cluster())["cluster_id"] or ""
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
    """Knows which logs the topics of a client have; make one with `watching`."""

    def __init__(self, client: AIOKafkaConsumer, topics: Collection[str], cluster: str | None) -> None:
        self._client = client
        self._topics = topics
        self._asking = asyncio.create_task(self._ask_again())
        self.ids: dict[str, str] = {} if cluster is None else dict.fromkeys(topics, cluster)
        """By topic: the id of the log, as of the last `identify`; before that as far as it is known."""

    async def identify(self) -> None:
        """Learn the ids of the logs as they are now.

        Raises:
            LogReplacedError: a topic has another log than was known.
            KafkaError: the broker does not respond.
            OSError: likewise.
        """
        present = await self._ask()
        self._compare(present)
        self.ids = present

    def check(self) -> None:
        """Raise if a topic has another log than was known; an outage is not reported here.

        Raises:
            LogReplacedError: it was noticed in the last few seconds.
        """
        if self._asking.done():
            self._asking.result()

    async def close(self) -> None:
        """Ask no more."""
        self._asking.cancel()
        await asyncio.gather(self._asking, return_exceptions=True)

    async def _ask(self) -> dict[str, str]:
        async with asyncio.timeout(ANSWER_SECONDS):
            ids = await log_ids(self._client._client)  # noqa: SLF001 - a connection of our own costs a login
        return {topic: ids[topic] for topic in self._topics}

    async def _ask_again(self) -> None:
        is_unavailable = False
        while True:
            await asyncio.sleep(AGAIN_SECONDS if is_unavailable else CHECK_SECONDS)
            try:
                present = await self._ask()
            except (KafkaError, OSError) as error:
                if not is_unavailable:
                    logger.warning("the broker is unavailable: %s", type(error).__name__)
                is_unavailable = True
                continue
            is_unavailable = False
            self._compare(present)

    def _compare(self, present: Mapping[str, str]) -> None:
        if replaced := [topic for topic, known in self.ids.items() if not is_same_log(known, present[topic])]:
            raise LogReplacedError(f"{', '.join(replaced)}: the log was replaced")


@asynccontextmanager
async def watching(
    client: AIOKafkaConsumer, topics: Collection[str], *, cluster: str | None = None
) -> AsyncIterator[LogWatch]:
    """Watch the logs of a started client's topics, which must be those of the cluster, if one is named."""
    watch = LogWatch(client, topics, cluster)
    try:
        yield watch
    finally:
        await watch.close()


async def positions(client: AIOKafkaConsumer) -> dict[TopicPartition, int]:
    """The position of the next fetch of each partition: after the last message and transaction markers.

    Raises:
        TimeoutError: a partition has none, as after the broker came back without the topic; aiokafka waits without end.
    """
    async with asyncio.timeout(POSITION_SECONDS):
        return {partition: await client.position(partition) for partition in client.assignment()}


def lag(client: AIOKafkaConsumer, reached: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
    """The number of messages after the current positions, as of the last fetches."""
    ends = {partition: client.last_stable_offset(partition) for partition in reached}
    return {partition: max(end - reached[partition], 0) for partition, end in ends.items() if end is not None}


def has_unread(client: AIOKafkaConsumer, reached: Mapping[TopicPartition, int]) -> bool:
    """Whether there are messages after the current positions, as of the last fetches."""
    return any(lag(client, reached).values())
