import asyncio

import psycopg
from aiokafka import AIOKafkaConsumer, TopicPartition

from services.common.outbox import append, append_all
from services.common.relay import Relay
from services.common.worker import running
from services.contracts.envelope import Event
from services.contracts.events.catalog import ProductDeleted


def deleted(number: int) -> Event:
    return Event.of("PRODUCT_DELETED", ProductDeleted(product_id=number, sku=str(number)), producer="common-test")


async def read_topic(broker, topic, count):
    """The first `count` events of a topic by partition, as (key, event)."""
    client = AIOKafkaConsumer(bootstrap_servers=broker.url, auto_offset_reset="earliest")
    await client.start()
    try:
        await client.topics()
        client.assign([TopicPartition(topic, number) for number in client.partitions_for_topic(topic)])
        records = []
        async with asyncio.timeout(20):
            while len(records) < count:
                for part in (await client.getmany(timeout_ms=200)).values():
                    records += part
    finally:
        await client.stop()
    return [(record.key.decode(), Event.model_validate_json(record.value)) for record in records]


async def unpublished(url):
    async with await psycopg.AsyncConnection.connect(url) as connection:
        row = await (await connection.execute("SELECT count(*) FROM outbox WHERE published_at IS NULL")).fetchone()
        return row[0]


async def until(condition, seconds=10):
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.02)


async def test_what_is_committed_is_published_and_stays_in_the_outbox(broker, database_url, service_database, producer):
    broker.create_topics("catalog.v1")
    event = deleted(7)
    async with running([Relay(database_url, producer)]):
        async with service_database.sessions.begin() as session:
            await append(session, event, "7")
        records = await read_topic(broker, "catalog.v1", 1)
    assert ("7", event) in [(key, each.model_copy(update={"traceparent": None})) for key, each in records]
    assert await unpublished(database_url) == 0


async def test_what_is_rolled_back_is_never_published(database_url, service_database):
    session = service_database.sessions()
    await append(session, deleted(8), "8")
    await session.rollback()
    await session.close()
    assert await unpublished(database_url) == 0


async def test_a_row_committed_late_under_a_smaller_id_is_published_too(
    broker, database_url, service_database, producer
):
    broker.create_topics("order.v1", "catalog.v1")
    async with running([Relay(database_url, producer)]), service_database.sessions.begin() as slow:
        await append(slow, deleted(1), "1")
        async with service_database.sessions.begin() as fast:
            await append(fast, deleted(2), "2")

        async def only_the_slow_one_is_left():
            return await unpublished(database_url) == 0

        await until(only_the_slow_one_is_left)
        await slow.commit()

        await until(only_the_slow_one_is_left)


async def test_two_relays_on_one_database_publish_each_row_once(broker, database_url, service_database, producer):
    broker.create_topics("catalog.v1")
    before = len(await read_all_now(broker, "catalog.v1"))
    async with running([Relay(database_url, producer), Relay(database_url, producer)]):
        async with service_database.sessions.begin() as session:
            await append_all(session, [(deleted(number), str(number % 5)) for number in range(1, 3001)])

        async def done():
            return await unpublished(database_url) == 0

        await until(done)
    assert len(await read_all_now(broker, "catalog.v1")) - before == 3000


async def read_all_now(broker, topic):
    client = AIOKafkaConsumer(bootstrap_servers=broker.url, auto_offset_reset="earliest")
    await client.start()
    try:
        await client.topics()
        client.assign([TopicPartition(topic, number) for number in client.partitions_for_topic(topic)])
        records = []
        while fetched := await client.getmany(timeout_ms=700):
            for part in fetched.values():
                records += part
    finally:
        await client.stop()
    return records
