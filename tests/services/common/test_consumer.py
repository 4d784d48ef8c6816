import asyncio
import base64

import psycopg
import pytest
from sqlalchemy import text

from services.common.consumer import Consumer
from services.common.worker import running
from services.contracts.envelope import Event
from services.contracts.events.actions import ProductViewed

TOPIC = "user-actions.v1"


def viewed(number: int) -> bytes:
    data = ProductViewed(user_id="u1", product_id=number)
    return Event.of("PRODUCT_VIEWED", data, producer="common-test").to_bytes()


async def write_effects(session, messages):
    """The handler under test: one row a message; product 13 is one it cannot handle."""
    for message in messages:
        if message.payload.product_id == 13:
            raise KeyError("unlucky")
        await session.execute(text("INSERT INTO effects (event_id) VALUES (:id)"), {"id": str(message.event.event_id)})


@pytest.fixture
def consumer(broker, settings, service_database, producer):
    broker.create_topics(TOPIC, "dead-letters.v1")
    return Consumer(settings, topics=[TOPIC], database=service_database, producer=producer, handle=write_effects)


async def effects(url):
    async with await psycopg.AsyncConnection.connect(url) as connection:
        rows = await (await connection.execute("SELECT event_id FROM effects ORDER BY id")).fetchall()
    return [row[0] for row in rows]


def ids(values):
    return [str(Event.model_validate_json(value).event_id) for value in values]


async def until_effects(url, expected, seconds=40):
    async with asyncio.timeout(seconds):
        while await effects(url) != expected:
            await asyncio.sleep(0.05)


async def test_an_event_that_comes_twice_has_its_effect_once(consumer, producer, database_url):
    first, second = viewed(1), viewed(2)
    await producer.send_many(TOPIC, [("u1", value) for value in (first, first, second)])
    async with running([consumer]):
        await until_effects(database_url, ids([first, second]))
        await producer.send(TOPIC, "u1", first)
        third = viewed(3)
        await producer.send(TOPIC, "u1", third)
        await until_effects(database_url, ids([first, second, third]))


async def test_what_cannot_be_handled_is_a_dead_letter_and_the_partition_moves_on(
    broker, consumer, producer, database_url
):
    good, unlucky, unreadable, last = viewed(1), viewed(13), b"{no json", viewed(2)
    before = len(await letters(broker))
    await producer.send_many(TOPIC, [("u2", value) for value in (good, unlucky, unreadable, last)])
    async with running([consumer]):
        async with asyncio.timeout(40):
            while not {*ids([good, last])} <= {*await effects(database_url)}:
                await asyncio.sleep(0.05)
    found = [each for each in (await letters(broker))[before:] if each["key"] == base64.b64encode(b"u2").decode()]
    assert {letter["reason"]: base64.b64decode(letter["value"]) for letter in found} == {
        "HANDLER_FAILED": unlucky,
        "NOT_JSON": unreadable,
    }


async def letters(broker):
    from aiokafka import AIOKafkaConsumer, TopicPartition

    client = AIOKafkaConsumer(bootstrap_servers=broker.url, auto_offset_reset="earliest")
    await client.start()
    try:
        await client.topics()
        client.assign([TopicPartition("dead-letters.v1", 0)])
        records = []
        while fetched := await client.getmany(timeout_ms=700):
            for part in fetched.values():
                records += part
    finally:
        await client.stop()
    return [Event.model_validate_json(record.value).data for record in records]
