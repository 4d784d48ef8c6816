"""Among good messages, malformed ones: each good one lands, each bad one is kept, and everything is accounted for."""

import asyncio
import os
import random
import subprocess
import sys
import uuid
from collections import Counter
from dataclasses import dataclass, field

import psycopg
import pytest
from aiokafka import AIOKafkaProducer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from services.contracts.registry import EVENTS
from services.contracts.topics import TOPICS
from stack.databases import Warehouse
from tests.dbt import shop
from tests.dbt.conftest import variables
from tests.faults.malformed import KEY, conflicting, encoded, largest, malformed
from warehouse.catch_up import land_until_caught_up
from warehouse.settings import LandingSettings

pytestmark = pytest.mark.repeated
GOOD, AGAIN = "good", "again"
SEED = 20_261_125

Position = tuple[str, int, int]


@dataclass(frozen=True)
class Message:
    """What is sent, and what should become of it: GOOD, AGAIN (known with the same content), or why it is refused."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    fate: str


@dataclass
class Landed:
    """Where each message stood in the log, and the warehouse in which it landed."""

    warehouse: Warehouse
    sent: dict[Position, Message] = field(default_factory=dict)

    def of(self, *fates: str) -> dict[Position, Message]:
        """The messages of these fates."""
        return {position: message for position, message in self.sent.items() if message.fate in fates}

    def rows(self, query: sql.Composable | str) -> list[tuple]:
        with psycopg.connect(self.warehouse.owner) as connection:
            return connection.execute(query).fetchall()


MOST = "999999999999.999"


def extremes() -> list[dict]:
    """Good events, of the largest, smallest and oddest values that the contract allows."""
    most = {"orderId": 2**63 - 1, "userId": "u" * 128, "currency": "KWD", "totalAmount": MOST}
    lines = [{"productId": 2**63 - 1, "quantity": 1_000_000, "price": MOST, "amount": MOST}] * 3
    made = [
        shop.event("ORDER_COMPLETED", **most, items=lines),
        shop.event("PRODUCT_VIEWED", userId="\U0001f375", productId=1, note=["deep", [[[[[[[[[[[{}]]]]]]]]]]]]),
        shop.event("SEARCH_BY_KEYWORD", userId="u", searchKeyword="\u0301" * 2_000),
        shop.event("STOCK_CHANGED", productId=2**63 - 1, stock=1_000_000),
        *(shop.product(number, 2**63 - 1) for number in (1, 2**63 - 1)),
    ]
    times = ("2000-01-01T00:00:00-14:59", "2099-12-31T23:59:59.999999999Z")
    return made + [{**event, "eventId": str(uuid.uuid4()), "timestamp": at} for event in made for at in times]


def messages(draw: random.Random, good: int, bad: int) -> list[Message]:
    """Good events of five topics, some of them twice, with bad ones at random places between them."""
    events = shop.shuffled_history(SEED, good) + extremes()
    made = []

    def put(event, key, value, fate, partition=None):
        topic = TOPICS[EVENTS[event["eventType"]].topic]
        place = draw.randrange(topic.partitions) if partition is None else partition
        made.append(Message(topic.name, place, key, value, fate))
        return place

    faulty = Counter(draw.choices(range(len(events)), k=bad))
    for number, event in enumerate(events):
        place = put(event, KEY, encoded(event), GOOD)
        for _ in range(faulty[number]):
            chance = draw.random()
            if chance < 0.1:
                refused = conflicting(event)
                put(event, refused.key, refused.value, refused.reason, place)
            else:
                refused = largest(draw) if chance < 0.11 else malformed(draw, event)
                put(event, refused.key, refused.value, refused.reason)
        if draw.random() < 0.05:
            put(event, KEY, encoded(event), AGAIN, place)
    return made


async def send(url: str, sending: list[Message]) -> dict[Position, Message]:
    """Send messages, those of one partition in order; where each came to stand."""
    async with AIOKafkaProducer(bootstrap_servers=url, max_request_size=2**21, linger_ms=5) as producer:
        acknowledged = [
            await producer.send(each.topic, each.value, key=each.key, partition=each.partition) for each in sending
        ]
        places = await asyncio.gather(*acknowledged)
    return {(at.topic, at.partition, at.offset): each for at, each in zip(places, sending, strict=True)}


@pytest.fixture(scope="module")
def landed(any_broker, new_warehouse, rounds) -> Landed:
    """All messages sent, and landed."""
    any_broker.create_topics()
    result = Landed(new_warehouse())
    landing = LandingSettings(kafka_url=any_broker.url, warehouse_loader_url=result.warehouse.loader)

    async def run():
        draw = random.Random(SEED)
        result.sent = await send(any_broker.url, messages(draw, rounds(20_000, 2_000), rounds(2_000, 200)))
        await land_until_caught_up(landing)

    asyncio.run(run())
    return result


def test_each_good_message_lands_where_it_stood(landed):
    tables = [TOPICS[name] for name in {message.topic for message in landed.sent.values()}]
    select = sql.SQL("select topic, kafka_partition, kafka_offset from raw.{}")
    found = {row for topic in tables for row in landed.rows(select.format(sql.Identifier(topic.table)))}
    assert found == landed.of(GOOD).keys()


def test_each_bad_message_is_kept_with_its_reason_bytes_and_position(landed):
    query = "select topic, kafka_partition, kafka_offset, key, value, reason from raw.dead_letters"
    found = {tuple(position): (key, value, reason) for *position, key, value, reason in landed.rows(query)}
    refused = {position: message for position, message in landed.sent.items() if message.fate not in {GOOD, AGAIN}}
    assert found == {position: (each.key, each.value, each.fate) for position, each in refused.items()}


def test_every_consumed_message_is_accounted_for_by_partition(landed):
    query = "select topic, kafka_partition, consumed, landed, duplicates, dead_letters from landing.partitions"
    expected = {}
    for (topic, partition, _), message in landed.sent.items():
        counts = expected.setdefault((topic, partition), Counter())
        counts[message.fate if message.fate in {GOOD, AGAIN} else "bad"] += 1
    found = {(topic, partition): counts for topic, partition, *counts in landed.rows(query) if counts[0]}
    assert found == {
        place: [counts.total(), counts[GOOD], counts[AGAIN], counts["bad"]] for place, counts in expected.items()
    }


@pytest.mark.parametrize("any_broker", ["embedded"], indirect=True)  # what landed is the same on either
def test_what_landed_can_be_modelled(landed, tmp_path):
    where = ("--target-path", tmp_path, "--log-path", tmp_path)
    command = [
        sys.executable,
        "-m",
        "pipelines.dbt",
        "build",
        "--exclude-resource-type",
        "unit_test",
        "--quiet",
        *where,
    ]
    built = subprocess.run(
        command, env={**os.environ, **variables(landed.warehouse)}, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stdout


BYTES = st.none() | st.binary(max_size=50)
EVENT = shop.event("PRODUCT_VIEWED", userId="1", productId=7)


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """A good event of which a few bytes are others."""
    value = bytearray(encoded(EVENT))
    for place in draw(st.lists(st.integers(0, len(value) - 1), max_size=3)):
        value[place] = draw(st.integers(0, 255))
    return bytes(value)


ANYTHING = st.builds(Message, st.sampled_from(sorted(TOPICS)), st.just(0), BYTES, BYTES | spoilt(), st.just("")).filter(
    lambda message: (message.key, message.value) != (None, None)  # which the client will not send
)


def test_any_bytes_on_any_topic_have_exactly_one_outcome(any_broker, landed, rounds):
    landing = LandingSettings(kafka_url=any_broker.url, warehouse_loader_url=landed.warehouse.loader)

    @settings(suppress_health_check=list(HealthCheck), max_examples=rounds(50, 5))
    @given(sending=st.lists(ANYTHING, min_size=20, max_size=100))
    def check(sending: list[Message]) -> None:
        async def run():
            await send(any_broker.url, sending)
            return await land_until_caught_up(landing)

        counts = asyncio.run(run())
        assert {topic: each.consumed for topic, each in counts.items()} == Counter(each.topic for each in sending)
        assert all(each.consumed == each.landed + each.duplicates + each.dead_letters for each in counts.values())

    check()
