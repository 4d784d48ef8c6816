"""Sends messages to the broker and returns only when the broker has acknowledged them.

    producer = Producer(settings)
    await producer.send("user-actions.v1", key="u1", value=event.to_bytes())
    failures = await producer.send_many("user-actions.v1", [("u1", b"..."), ...])   # None where acknowledged

It connects at the first message, and reconnects after an outage; during an outage it fails fast with
`BrokerUnavailableError`. A partition that fails or is slow gets its own connection and its own circuit breaker until it
is healthy again, so that the others do not wait for it. `tanawari_events_produced_total{topic}` counts acknowledged
messages.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from aiokafka.errors import (
    InvalidTimestampError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
)
from aiokafka.partitioner import murmur2
from prometheus_client import Counter

from services.common.messaging.connection import PAUSE, TIMEOUT, Connection
from services.common.runtime.breaker import Breaker
from services.common.runtime.settings import ServiceSettings
from services.contracts.topics import TOPICS

logger = logging.getLogger(__name__)

PRODUCED = Counter("tanawari_events_produced", "Messages that the broker acknowledged.", ["topic"])
SLOW_SECONDS = 1.0
ROOM = 4096
"""Overhead of a record and its batch beyond key and value."""
_REFUSALS = (MessageSizeTooLargeError, RecordListTooLargeError, InvalidTimestampError)
KeyedMessage = tuple[str, bytes]


class BrokerUnavailableError(ConnectionError):
    """The broker did not acknowledge in time; the message may or may not have arrived."""


class MessageRefusedError(Exception):
    """The broker refuses this message for good: it is too large, for example."""


Failure = BrokerUnavailableError | MessageRefusedError


@lru_cache(maxsize=100_000)
def partition_of(key: str, partitions: int) -> int:
    """The partition of a key, by the default partitioner of Kafka clients."""
    return int(murmur2(key.encode()) & 0x7FFFFFFF) % partitions


def is_too_large(topic: str, key: str, value: bytes) -> bool:
    """Whether a message is too large for its topic."""
    declared = TOPICS.get(topic)
    return declared is not None and len(key.encode()) + len(value) > declared.max_message_bytes - ROOM


class Producer:
    """The one producer of a process; safe for concurrent use."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._settings = settings
        self._ending: set[asyncio.Task[None]] = set()
        self._shared = Connection(settings, self._ending)
        self._isolated: dict[tuple[str, int], _Isolated] = {}
        self._unknown: dict[str, Breaker] = {}
        """The topics that the broker does not have, or does not show to us."""

    async def send(self, topic: str, key: str, value: bytes) -> None:
        """Send one message and wait for its acknowledgement.

        Raises:
            BrokerUnavailableError: no acknowledgement in time.
            MessageRefusedError: the broker refuses the message.
        """
        (failure,) = await self.send_many(topic, [(key, value)])
        if failure is not None:
            raise failure

    async def send_many(self, topic: str, messages: Sequence[KeyedMessage]) -> list[Failure | None]:
        """Send messages, those of one key in order; the result has None or the error for each.

        After a failure nothing later of the same partition is sent, after a refusal nothing later of the same key, so
        that no message overtakes another of its key.
        """
        try:
            partitions = await self._partitions(topic)
        except (KafkaError, OSError) as error:
            return [BrokerUnavailableError(type(error).__name__)] * len(messages)
        places: dict[int, list[int]] = {}
        for index, (key, _) in enumerate(messages):
            places.setdefault(partition_of(key, partitions), []).append(index)
        results: list[Failure | None] = [None] * len(messages)
        async with asyncio.TaskGroup() as group:
            for partition, indexes in places.items():
                group.create_task(self._send_partition((topic, partition), messages, indexes, results))
        PRODUCED.labels(topic).inc(sum(result is None for result in results))
        return results

    async def _partitions(self, topic: str) -> int:
        """The number of partitions of a topic; a missing topic does not affect the others."""
        if (unknown := self._unknown.get(topic)) is not None:
            unknown.check()
        client = await self._shared.client()
        try:
            async with asyncio.timeout(TIMEOUT):
                number = len(await client.partitions_for(topic))
        except (KafkaError, OSError):
            self._unknown.setdefault(topic, Breaker(failures=1, pause=PAUSE)).failed()
            raise
        self._unknown.pop(topic, None)
        return number

    async def _send_partition(
        self,
        place: tuple[str, int],
        messages: Sequence[KeyedMessage],
        indexes: list[int],
        results: list[Failure | None],
    ) -> None:
        """Send a partition's messages, batch by batch, and record the failures."""
        most = len(indexes)
        while indexes:
            if is_too_large(place[0], *messages[indexes[0]]):
                indexes = _refuse(messages, indexes, results, MessageSizeTooLargeError.__name__)
                continue
            try:
                sent = await self._send_batch(place, [messages[index] for index in indexes[:most]])
            except _RefusedBatchError as refused:
                if refused.size == 1:
                    indexes = _refuse(messages, indexes, results, str(refused))
                most = refused.size // 2 or len(indexes)  # one of several is at fault: find it
            except (KafkaError, OSError) as error:
                failure = BrokerUnavailableError(type(error).__name__)
                for index in indexes:
                    results[index] = failure
                return
            else:
                indexes = indexes[sent:]

    async def _send_batch(self, place: tuple[str, int], messages: Sequence[KeyedMessage]) -> int:
        """Send one batch over the partition's connection; returns its size."""
        topic, partition = place
        isolated = self._isolated.get(place)
        if isolated is not None:
            isolated.breaker.check()
        connection = self._shared if isolated is None else isolated.connection
        client = await connection.client()
        batch = client.create_batch()
        size = 0
        for key, value in messages:
            if is_too_large(topic, key, value):
                break
            if batch.append(timestamp=None, key=key.encode(), value=value) is None:
                break
            size += 1
        started = time.monotonic()
        try:
            await connection.send(client, batch, topic, partition)
        except _REFUSALS as error:
            raise _RefusedBatchError(type(error).__name__, size) from error
        except (KafkaError, OSError):
            self._isolate(place).breaker.failed()
            raise
        if time.monotonic() - started > SLOW_SECONDS:
            self._isolate(place).breaker.succeeded()
        elif isolated is not None and self._isolated.pop(place, None) is not None:
            connection.leave(client)
        return size

    def _isolate(self, place: tuple[str, int]) -> "_Isolated":
        if place not in self._isolated:
            logger.warning("%s/%d is unhealthy: it gets a connection of its own", *place)
            connection = Connection(self._settings, self._ending)
            self._isolated[place] = _Isolated(connection, Breaker(failures=1, pause=PAUSE))
        return self._isolated[place]

    async def check(self) -> None:
        """Raise if the broker does not respond."""
        async with asyncio.timeout(TIMEOUT):
            client = await self._shared.client()
            await client.client.fetch_all_metadata()

    async def close(self) -> None:
        """Disconnect; unacknowledged messages stay unacknowledged."""
        for connection in (self._shared, *(isolated.connection for isolated in self._isolated.values())):
            connection.close()
        await asyncio.gather(*self._ending)


@dataclass(frozen=True)
class _Isolated:
    """The connection and circuit breaker of an unhealthy partition."""

    connection: Connection
    breaker: Breaker


class _RefusedBatchError(Exception):
    """The broker refused a whole batch because of one message."""

    def __init__(self, reason: str, size: int) -> None:
        super().__init__(reason)
        self.size = size


def _refuse(
    messages: Sequence[KeyedMessage], indexes: list[int], results: list[Failure | None], reason: str
) -> list[int]:
    """Record the first message as refused, and later ones of its key as waiting; returns what is left to send."""
    key = messages[indexes[0]][0]
    behind = [index for index in indexes if messages[index][0] == key]
    results[behind[0]] = MessageRefusedError(reason)
    for index in behind[1:]:
        results[index] = BrokerUnavailableError("waits behind a message that was refused")
    return [index for index in indexes if messages[index][0] != key]
