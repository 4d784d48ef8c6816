"""Sends prepared messages in full batches, in order within a partition, and counts acknowledged ones."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import NamedTuple, Self

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import murmur2

from services.contracts.kafka import COMPRESSION, KafkaSettings

BATCH_BYTES = 512 * 1024
"""Below every topic's maximum message size, and large enough to be fast."""

Message = tuple[str, str]


class Acknowledged(NamedTuple):
    """Messages that the broker acknowledged: so many of a partition from an offset on."""

    topic: str
    partition: int
    first: int
    number: int


def by_topic(acknowledged: Iterable[Acknowledged]) -> Counter[str]:
    """The number of acknowledged messages of each topic."""
    counts: Counter[str] = Counter()
    for topic, _, _, number in acknowledged:
        counts[topic] += number
    return counts


@lru_cache(maxsize=100_000)
def partition_of(key: str, partitions: int) -> int:
    """The partition of a key, by the default partitioner of Kafka clients."""
    return int(murmur2(key.encode()) & 0x7FFFFFFF) % partitions


class Sender:
    """Sends keys and values; `acknowledged` says where they are."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        self.acknowledged: list[Acknowledged] = []

    @classmethod
    @asynccontextmanager
    async def connected(cls, kafka: KafkaSettings, *, idempotent: bool) -> AsyncIterator[Self]:
        """A sender to a broker; idempotent only if the broker supports it."""
        producer = AIOKafkaProducer(
            **kafka.client_arguments(),
            client_id="importer",
            acks="all",
            enable_idempotence=idempotent,
            compression_type=COMPRESSION,
            max_batch_size=BATCH_BYTES,
            max_request_size=2 * BATCH_BYTES,
        )
        try:
            async with kafka.explained(is_idempotent=idempotent):
                await producer.start()
            yield cls(producer)
        finally:
            await producer.stop()

    async def send(self, topic: str, messages: Sequence[Message]) -> None:
        """Send messages of a topic; messages with the same key stay in order.

        Raises:
            aiokafka.errors.KafkaError: the broker did not acknowledge.
        """
        partitions = len(await self._producer.partitions_for(topic))
        places: dict[int, list[Message]] = {}
        for message in messages:
            places.setdefault(partition_of(message[0], partitions), []).append(message)
        async with asyncio.TaskGroup() as group:
            for partition, part in places.items():
                group.create_task(self._send_part(topic, partition, part))

    async def _send_part(self, topic: str, partition: int, messages: Sequence[Message]) -> None:
        start = 0
        while start < len(messages):
            batch = self._producer.create_batch()
            end = start
            while end < len(messages):
                key, value = messages[end]
                if batch.append(timestamp=None, key=key.encode(), value=value.encode()) is None:
                    break
                end += 1
            sent = await (await self._producer.send_batch(batch, topic, partition=partition))
            self.acknowledged.append(Acknowledged(topic, partition, sent.offset, end - start))
            start = end
