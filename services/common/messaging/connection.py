"""A connection for sending to the broker, replaced whenever a send over it fails.

A failed client would keep unsent messages forever and block later ones.
"""

import asyncio
import logging
from collections import Counter

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError, UnknownTopicOrPartitionError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import RecordMetadata

from services.common.runtime.breaker import Breaker, CircuitOpenError
from services.common.runtime.settings import ServiceSettings
from services.contracts.kafka import COMPRESSION

logger = logging.getLogger(__name__)

TIMEOUT = 5.0
REQUEST_SECONDS = 3.0
"""Less than the time-out, so that messages that share a request or a leader with a slow partition are in time."""
PAUSE = 1.0
BATCH_BYTES = 512 * 1024


class Connection:
    """At most one client at a time. An abandoned client closes when its sends in flight have finished."""

    def __init__(self, settings: ServiceSettings, ending: set[asyncio.Task[None]]) -> None:
        self._breaker = Breaker(failures=1, pause=PAUSE)
        self._settings = settings
        self._ending = ending
        self._connecting = asyncio.Lock()
        self._client: AIOKafkaProducer | None = None
        self._sends: Counter[AIOKafkaProducer] = Counter()

    async def client(self) -> AIOKafkaProducer:
        """The client, connected.

        Raises:
            KafkaError: the broker is unavailable.
            OSError: likewise, or it was a moment ago.
        """
        if self._breaker.is_open:
            raise CircuitOpenError("the last try to connect failed")
        async with self._connecting:
            if self._client is None:
                self._breaker.check()  # callers that waited for a failed attempt do not start another
                try:
                    async with asyncio.timeout(TIMEOUT):
                        self._client = await _start(self._settings)
                except (KafkaError, OSError) as error:
                    self._breaker.failed()
                    logger.warning("the broker is not reachable: %s", error or type(error).__name__)
                    raise
                self._breaker.succeeded()
            return self._client

    async def send(self, client: AIOKafkaProducer, batch: BatchBuilder, topic: str, partition: int) -> None:
        """Send a batch over a client obtained here, and wait for its acknowledgement.

        Raises:
            KafkaError: it was refused, or not acknowledged.
            OSError: it was not acknowledged in time.
        """
        self._sends[client] += 1
        try:
            async with asyncio.timeout(TIMEOUT):
                await (await _enqueued(client, batch, topic, partition))
        except (KafkaError, OSError):
            self.leave(client)
            raise
        finally:
            self._sends[client] -= 1
            self._end_if_idle(client)

    def leave(self, client: AIOKafkaProducer) -> None:
        """Reconnect at the next message."""
        if self._client is client:
            self._client = None
            self._end_if_idle(client)

    def close(self) -> None:
        """Close immediately."""
        clients = {*self._sends, *([self._client] if self._client else [])}
        self._client = None
        for client in clients:
            self._end(client)

    def _end_if_idle(self, client: AIOKafkaProducer) -> None:
        if client is not self._client and not self._sends[client]:
            self._end(client)

    def _end(self, client: AIOKafkaProducer) -> None:
        self._sends.pop(client, None)
        task = asyncio.create_task(_abandon(client))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


async def _start(settings: ServiceSettings) -> AIOKafkaProducer:
    client = AIOKafkaProducer(
        **settings.client_arguments(),
        client_id=settings.service,
        enable_idempotence=settings.kafka_idempotence,
        acks="all",
        compression_type=COMPRESSION,
        max_batch_size=BATCH_BYTES,
        max_request_size=4 * BATCH_BYTES,
        request_timeout_ms=int(REQUEST_SECONDS * 1000),
        metadata_max_age_ms=30_000,
    )
    try:
        async with settings.explained(is_idempotent=settings.kafka_idempotence):
            await client.start()
    except BaseException:
        await client.stop()
        raise
    return client


async def _enqueued(
    client: AIOKafkaProducer, batch: BatchBuilder, topic: str, partition: int
) -> asyncio.Future[RecordMetadata]:
    """A batch in flight; it waits for earlier ones as long as the caller does, because aiokafka counts time twice."""
    while True:
        try:
            future: asyncio.Future[RecordMetadata] = await client.send_batch(batch, topic, partition=partition)
        except KafkaTimeoutError:
            continue
        except AssertionError as error:  # aiokafka's, where the topic has no such partition any more
            raise UnknownTopicOrPartitionError(f"{topic}/{partition}") from error
        return future


async def _abandon(client: AIOKafkaProducer) -> None:
    """Disconnect immediately; `stop` would first send the rest, without a time limit if idempotent."""
    sender = client._sender.sender_task  # noqa: SLF001 - there is no public way to abort
    sender.cancel()
    await asyncio.wait([sender])
    await client.client.close()
    client._closed = True  # noqa: SLF001 - likewise
