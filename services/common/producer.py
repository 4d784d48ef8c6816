"""Sends messages to the broker and says so only when the broker has acknowledged them.

    producer = Producer(settings)
    await producer.send("user-actions.v1", key="u1", value=event.to_bytes())
    failures = await producer.send_many("user-actions.v1", [("u1", b"..."), ...])   # None where acknowledged

It connects by itself at the first message, and again after the broker was away; while the broker is away it fails fast
with `BrokerUnavailableError`. `tanawari_events_produced_total{topic}` counts acknowledged messages.
"""

import asyncio
import logging
from collections.abc import Sequence
from functools import lru_cache

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2
from prometheus_client import Counter

from services.common.breaker import Breaker, CircuitOpenError
from services.common.settings import ServiceSettings

logger = logging.getLogger(__name__)

PRODUCED = Counter("tanawari_events_produced", "Messages that the broker acknowledged.", ["topic"])
TIMEOUT = 5.0
BATCH_BYTES = 512 * 1024
Message = tuple[str, bytes]


class BrokerUnavailableError(ConnectionError):
    """The broker did not acknowledge in time; what was sent may or may not have arrived."""


@lru_cache(maxsize=100_000)
def partition_of(key: str, partitions: int) -> int:
    """The partition of a key, as every Kafka client's default partitioner has it."""
    return int(murmur2(key.encode()) & 0x7FFFFFFF) % partitions


class Producer:
    """The one producer of a process; safe for concurrent use."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._settings = settings
        self._client: AIOKafkaProducer | None = None
        self._abandoned: set[asyncio.Task[None]] = set()
        self._connecting = asyncio.Lock()
        self._breaker = Breaker(failures=1, pause=1.0)

    async def send(self, topic: str, key: str, value: bytes) -> None:
        """Send one message and wait for its acknowledgement.

        Raises:
            BrokerUnavailableError: there was none in time.
        """
        (failure,) = await self.send_many(topic, [(key, value)])
        if failure is not None:
            raise failure

    async def send_many(self, topic: str, messages: Sequence[Message]) -> list[BrokerUnavailableError | None]:
        """Send messages, those of one key in order; the result has, for each, None or why it is not acknowledged.

        After a failure nothing later of the same partition is sent, so that no message overtakes another of its key.
        """
        try:
            self._breaker.check()
            async with asyncio.timeout(TIMEOUT):
                client = await self._connected()
                partitions = len(await client.partitions_for(topic))
        except (KafkaError, OSError) as error:
            if not isinstance(error, CircuitOpenError):
                self._breaker.failed()
                logger.warning("the broker is not reachable: %s", error or type(error).__name__)
            return [BrokerUnavailableError(f"the broker is not reachable: {type(error).__name__}")] * len(messages)
        places: dict[int, list[int]] = {}
        for index, (key, _) in enumerate(messages):
            places.setdefault(partition_of(key, partitions), []).append(index)
        results: list[BrokerUnavailableError | None] = [None] * len(messages)
        async with asyncio.TaskGroup() as group:
            for partition, indexes in places.items():
                group.create_task(self._send_partition(client, topic, partition, messages, indexes, results))
        PRODUCED.labels(topic).inc(sum(result is None for result in results))
        if any(results):
            self._leave(client)
        return results

    async def _send_partition(
        self,
        client: AIOKafkaProducer,
        topic: str,
        partition: int,
        messages: Sequence[Message],
        indexes: list[int],
        results: list[BrokerUnavailableError | None],
    ) -> None:
        start = 0
        while start < len(indexes):
            batch = client.create_batch()
            end = start
            while end < len(indexes):
                key, value = messages[indexes[end]]
                if batch.append(timestamp=None, key=key.encode(), value=value) is None:
                    break
                end += 1
            try:
                async with asyncio.timeout(TIMEOUT):
                    await (await client.send_batch(batch, topic, partition=partition))
            except (KafkaError, OSError) as error:
                self._breaker.failed()
                refusal = BrokerUnavailableError(f"the broker did not acknowledge: {type(error).__name__}")
                for index in indexes[start:]:
                    results[index] = refusal
                return
            self._breaker.succeeded()
            start = end

    async def check(self) -> None:
        """Raise if the broker does not answer."""
        async with asyncio.timeout(TIMEOUT):
            client = await self._connected()
            await client.client.fetch_all_metadata()

    async def close(self) -> None:
        """Disconnect; what has not been acknowledged by now will not be."""
        if self._client is not None:
            self._leave(self._client)
        await asyncio.gather(*self._abandoned)

    def _leave(self, client: AIOKafkaProducer) -> None:
        """Connect anew at the next message: what this client could not send would wait in it for ever, and block it."""
        if self._client is client:
            self._client = None
            task = asyncio.create_task(_abandon(client))
            self._abandoned.add(task)
            task.add_done_callback(self._abandoned.discard)

    async def _connected(self) -> AIOKafkaProducer:
        async with self._connecting:
            if self._client is None:
                client = AIOKafkaProducer(
                    **self._settings.client_arguments(),
                    client_id=self._settings.service,
                    enable_idempotence=self._settings.kafka_idempotence,
                    acks="all",
                    compression_type="lz4",
                    max_batch_size=BATCH_BYTES,
                    max_request_size=4 * BATCH_BYTES,
                    request_timeout_ms=int(TIMEOUT * 1000),
                    metadata_max_age_ms=30_000,
                )
                try:
                    async with self._settings.explained():
                        await client.start()
                except BaseException:
                    await client.stop()
                    raise
                self._client = client
            return self._client


async def _abandon(client: AIOKafkaProducer) -> None:
    """Disconnect at once; its own `stop` would first send what is left, if idempotent for as long as that takes."""
    sender = client._sender.sender_task  # noqa: SLF001 - there is no public way to give up
    sender.cancel()
    await asyncio.wait([sender])
    await client.client.close()
    client._closed = True  # noqa: SLF001 - likewise
