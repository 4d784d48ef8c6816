"""Shoppers' actions as they travel: PRODUCT_VIEWED of 408 bytes, by as many users as the whole data has."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from aiokafka import AIOKafkaProducer

from services.common.messaging.producer import partition_of
from services.contracts.envelope import new_event_id
from services.contracts.topics import TOPICS

TOPIC: Final = "user-actions.v1"
USERS: Final = 2_469
PRODUCTS: Final = 92_348
PARTITIONS: Final = TOPICS[TOPIC].partitions
SEND_BYTES: Final = 512 * 1024

_START = datetime(2026, 1, 1, tzinfo=UTC)
_VIEW = (
    '{"eventId":"%s","eventType":"PRODUCT_VIEWED","schemaVersion":1,"timestamp":"%s","producer":"analytics",'
    '"data":{"userId":"%d","sessionId":"0198f2c4-8f5e-7c3a-9d41-5b8f0e6a7c21","isBot":false,"simulated":false,'
    '"productId":%d,"timestamp":"%s","productName":"Fluid milk, half pint","productPrice":"2.99","categoryId":321}}'
)


class Message(NamedTuple):
    """One message of the topic; its offset is where it stands among those of its partition."""

    partition: int
    key: str
    value: bytes


def views(count: int, *, malformed_every: int = 0) -> Iterator[Message]:
    """So many actions, each of an id of its own, by the users in turn; every so many-th is cut off in the middle."""
    for number in range(count):
        at = f"{_START + timedelta(seconds=number):%Y-%m-%dT%H:%M:%S}.000000Z"
        user, product = 1_000 + number * 7 % USERS, 100_000 + number * 31 % PRODUCTS
        value = (_VIEW % (new_event_id(), at, user, product, at)).encode()
        if malformed_every and number % malformed_every == malformed_every - 1:
            value = value[: len(value) // 2]
        yield Message(partition_of(str(user), PARTITIONS), str(user), value)


async def produce(broker: str, messages: Iterable[Message]) -> None:
    """Send them in full batches, those of a partition in order; returns once all are acknowledged."""
    async with AIOKafkaProducer(bootstrap_servers=broker, acks="all", max_batch_size=SEND_BYTES) as producer:
        batches = {partition: producer.create_batch() for partition in range(PARTITIONS)}
        for partition, key, value in messages:
            if batches[partition].append(timestamp=None, key=key.encode(), value=value) is None:
                await producer.send_batch(batches[partition], TOPIC, partition=partition)
                batches[partition] = producer.create_batch()
                batches[partition].append(timestamp=None, key=key.encode(), value=value)
        for partition, batch in batches.items():
            if batch.record_count():
                await producer.send_batch(batch, TOPIC, partition=partition)
        await producer.flush()
