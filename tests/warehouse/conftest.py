import itertools
import uuid
from datetime import UTC, datetime

import psycopg
import pytest
from aiokafka import ConsumerRecord, TopicPartition

from services.contracts.envelope import Event
from services.contracts.events.actions import ProductViewed
from warehouse.batch import Batch
from warehouse.offsets import Span
from warehouse.store import Store

ACTIONS = "user-actions.v1"
OWNER = uuid.UUID(int=1)


def viewed(product_id=7, *, event_id=None, **data) -> bytes:
    """The bytes of one PRODUCT_VIEWED."""
    payload = ProductViewed(user_id="1", product_id=product_id, **data)
    at = datetime(2026, 1, 2, tzinfo=UTC)
    return Event.of("PRODUCT_VIEWED", payload, producer="test", event_id=event_id, timestamp=at).to_bytes()


@pytest.fixture(name="viewed")
def viewed_fixture():
    """Makes the bytes of one PRODUCT_VIEWED: `viewed(product_id, event_id=…)`."""
    return viewed


def message(value: bytes | None, offset=0, *, topic=ACTIONS, partition=0, key=b"1") -> ConsumerRecord:
    return ConsumerRecord(topic, partition, offset, 0, 0, key, value, None, 0, 0, ())


@pytest.fixture(name="message")
def message_fixture():
    """Makes a message as a consumer gets it: `message(value, offset, topic=…, partition=…, key=…)`."""
    return message


class Lander:
    """A store with claimed partitions that lands lists of values, as a member of the group would."""

    def __init__(self, url: str) -> None:
        self.store = Store(url)
        self.claims = {}

    def claim(self, *partitions: TopicPartition, log_id="log") -> None:
        partitions = partitions or (TopicPartition(ACTIONS, 0),)
        self.claims |= self.store.claim(partitions, {each.topic: log_id for each in partitions}, OWNER)

    def batch(self, *records: ConsumerRecord) -> Batch:
        spans = {}
        for partition, group in itertools.groupby(records, lambda r: TopicPartition(r.topic, r.partition)):
            of_partition = list(group)
            spans[partition] = Span(self.claims[partition], of_partition[-1].offset + 1, len(of_partition))
        return Batch.of(list(records), spans)

    def land(self, *values: bytes | None, log_id="log"):
        """Land values on partition 0 of the actions from where it stands; what became of them."""
        partition = TopicPartition(ACTIONS, 0)
        self.claim(log_id=log_id)
        start = self.claims[partition].next_offset
        return self.store.write(self.batch(*(message(v, start + i) for i, v in enumerate(values))))[partition]


@pytest.fixture
def lander(warehouse):
    made = Lander(warehouse.loader)
    yield made
    made.store.close()


@pytest.fixture
def other_lander(warehouse):
    made = Lander(warehouse.loader)
    yield made
    made.store.close()


@pytest.fixture
def rows(warehouse):
    """Asks the warehouse: `rows("select …")` gives all rows."""
    with psycopg.connect(warehouse.owner, autocommit=True) as connection:
        yield lambda query: connection.execute(query).fetchall()
