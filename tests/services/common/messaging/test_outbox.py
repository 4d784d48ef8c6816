import asyncio
import secrets

import psycopg
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from prometheus_client import REGISTRY

from services.common.messaging import backlog, retention
from services.common.messaging import relay as module
from services.common.messaging.outbox import EventTooLargeError, append_events
from services.common.messaging.producer import BrokerUnavailableError, MessageRefusedError, partition_of
from services.common.messaging.relay import Relay
from services.common.runtime.worker import running
from services.contracts.envelope import Event
from services.contracts.events.actions import ProductAction
from services.contracts.events.catalog import ProductDeleted
from services.contracts.topics import TOPICS
from tests.waiting import eventually, read_topic


def deleted(number: int, sku: str = "sku") -> Event:
    return Event.of("PRODUCT_DELETED", ProductDeleted(product_id=number, sku=sku), producer="common-test")


@pytest.fixture
def unpublished(database_url):
    """Counts the committed rows that are not published."""

    async def count():
        async with await psycopg.AsyncConnection.connect(database_url) as connection:
            cursor = await connection.execute("SELECT count(*) FROM outbox WHERE published_at IS NULL")
            return (await cursor.fetchone())[0]

    return count


def is_none(count):
    return count == 0


async def test_what_is_committed_is_published_and_stays_in_the_outbox(
    broker, database_url, service_database, producer, unpublished
):
    event = deleted(7)
    async with running([Relay(database_url, producer)]):
        async with service_database.sessions.begin() as session:
            await append_events(session, [event])
        await eventually(unpublished, is_none)
    (record,) = await read_topic(broker.url, "catalog.v1", 1)
    assert (record.key, record.value) == (b"7", event.to_bytes())


async def test_what_is_rolled_back_is_never_published(service_database, unpublished):
    async with service_database.sessions() as session:
        await append_events(session, [deleted(8)])
        await session.rollback()
    assert await unpublished() == 0


async def test_a_row_committed_late_under_a_smaller_id_is_published_too(
    broker, database_url, service_database, producer, unpublished
):
    late, early = deleted(1, "late"), deleted(1, "early")
    async with running([Relay(database_url, producer)]):
        async with service_database.sessions.begin() as slow:
            await append_events(slow, [late])
            async with service_database.sessions.begin() as fast:
                await append_events(fast, [early])
            await eventually(unpublished, is_none)
        await eventually(unpublished, is_none)
    records = await read_topic(broker.url, "catalog.v1", 2)
    assert [record.value for record in records] == [early.to_bytes(), late.to_bytes()]


async def test_two_relays_on_one_database_publish_each_row_once_in_order_per_key(
    broker, database_url, service_database, producer, unpublished
):
    async with running([Relay(database_url, producer, batch=500), Relay(database_url, producer, batch=500)]):
        async with service_database.sessions.begin() as session:
            await append_events(session, [deleted(1 + number % 5, str(number)) for number in range(3000)])
        await eventually(unpublished, is_none)
    records = await read_topic(broker.url, "catalog.v1", 3000)
    by_key = {}
    for record in records:
        by_key.setdefault(int(record.key), []).append(int(Event.model_validate_json(record.value).data["sku"]))
    assert by_key == {1 + rest: list(range(rest, 3000, 5)) for rest in range(5)}


async def test_the_relay_waits_for_the_broker_and_then_publishes(
    broker, database_url, service_database, producer, unpublished
):
    broker.stop()
    relay = Relay(database_url, producer)

    async def failure():
        return relay.failure

    async with running([relay]):
        async with service_database.sessions.begin() as session:
            await append_events(session, [deleted(7)])
        await eventually(failure, bool)
        assert await unpublished() == 1
        broker.start()
        broker.create_topics()
        await eventually(unpublished, is_none)


async def test_an_event_that_no_topic_can_carry_is_refused_before_commit(service_database):
    huge = ProductAction(user_id="u1", product_id=1, metadata={"text": "棚" * 400_000})  # 1.2 MB
    async with service_database.sessions() as session:
        with pytest.raises(EventTooLargeError):
            await append_events(session, [Event.of("CART_ADD", huge, producer="common-test")])


async def test_what_was_published_stays_as_long_as_its_topic_keeps_it(database_url, producer, monkeypatch):
    monkeypatch.setattr(retention, "ROWS", 2)
    monkeypatch.setattr(retention, "SWEEP_SECONDS", 0.0)
    rows = [("catalog.v1", 4_000), ("auth.v1", 31), ("user-actions.v1", 31), ("auth.v1", 29), ("user-actions.v1", 91)]
    with psycopg.connect(database_url) as connection:
        connection.cursor().executemany(
            "INSERT INTO outbox (event_id, topic, key, value, published_at)"
            " VALUES (gen_random_uuid(), %s, 'k', '{}', now() - make_interval(days => %s))",
            rows,
        )

    async def left():
        async with await psycopg.AsyncConnection.connect(database_url) as connection:
            return await (await connection.execute("SELECT topic FROM outbox ORDER BY id")).fetchall()

    async with running([Relay(database_url, producer, poll=0.05)]):
        await eventually(left, lambda found: found == [("catalog.v1",), ("user-actions.v1",), ("auth.v1",)])


async def change_topic(url, **settings):
    admin = AIOKafkaAdminClient(bootstrap_servers=url)
    await admin.start()
    configs = {name.replace("_", "."): str(value) for name, value in settings.items()}
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, "catalog.v1", configs=configs)])
    await admin.close()


async def is_refused(producer, value):
    """Whether the broker takes no such message; a change of its limit takes a moment."""
    try:
        await producer.send("catalog.v1", "0", value)
    except MessageRefusedError:
        return True
    return False


def gauge(name):
    return REGISTRY.get_sample_value(name, {"topic": "catalog.v1"})


async def published(url):
    async with await psycopg.AsyncConnection.connect(url) as connection:
        cursor = await connection.execute("SELECT key FROM outbox WHERE published_at IS NOT NULL ORDER BY id")
        return [key for (key,) in await cursor.fetchall()]


@pytest.mark.parametrize("fresh_broker", ["apache"], indirect=True)  # the embedded one takes any size
async def test_an_event_that_the_broker_refuses_is_set_aside_with_its_key_and_the_others_go_on(
    broker, database_url, service_database, producer, monkeypatch
):
    monkeypatch.setattr(backlog, "OBSERVE_SECONDS", 0.1)
    await change_topic(broker.url, max_message_bytes=1_000)
    await eventually(lambda: is_refused(producer, secrets.token_bytes(1_400)))
    refused, behind = deleted(1, secrets.token_urlsafe(1_400)), deleted(1)
    relay = Relay(database_url, producer, poll=0.1)
    async with running([relay]):
        async with service_database.sessions.begin() as session:
            await append_events(session, [refused, behind, deleted(2), deleted(3)])
        await eventually(lambda: published(database_url), lambda keys: keys == ["2", "3"])

        async def counted():
            return gauge("tanawari_outbox_pending"), gauge("tanawari_outbox_refused")

        await eventually(counted, lambda found: found == (2, 1))
        assert gauge("tanawari_outbox_oldest_seconds") > 0
        assert (relay.is_alive, relay.failure) == (True, "1 keys wait, catalog.v1: MessageSizeTooLargeError")
        await change_topic(broker.url, max_message_bytes=1_000_000)
        with psycopg.connect(database_url) as operator:
            operator.execute("UPDATE outbox SET refused_at = NULL")
        await eventually(lambda: published(database_url), lambda keys: len(keys) == 4)
    records = [record.value for record in await read_topic(broker.url, "catalog.v1", 4) if record.key == b"1"]
    assert records == [refused.to_bytes(), behind.to_bytes()]


@pytest.mark.parametrize("fresh_broker", ["apache"], indirect=True)  # the embedded one makes what it is asked for
async def test_a_topic_that_is_missing_holds_up_itself_alone_and_is_named(
    broker, database_url, service_database, producer, unpublished
):
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.url)
    await admin.start()
    await admin.delete_topics(["user-actions.v1"])
    await admin.close()
    action = Event.of("CART_ADD", ProductAction(user_id="u1", product_id=1), producer="common-test")
    relay = Relay(database_url, producer)

    async def failure():
        return relay.failure

    async with running([relay]):
        async with service_database.sessions.begin() as session:
            await append_events(session, [action, deleted(2)])
        await eventually(lambda: published(database_url), lambda keys: keys == ["2"])
        await eventually(failure, lambda found: found == "1 keys wait, user-actions.v1: UnknownTopicOrPartitionError")
        broker.create_topics("user-actions.v1")
        await eventually(unpublished, is_none)


class Partitions:
    """A producer that notes the skus sent: partition 0 is away, partition 1 as slow as `gate` lets it."""

    def __init__(self):
        self.sent = []
        self.gate = asyncio.Event()

    async def send_many(self, topic, messages):
        place = partition_of(messages[0][0], TOPICS[topic].partitions)
        if place == 0:
            return [BrokerUnavailableError("away")] * len(messages)
        if place == 1:
            await self.gate.wait()
        self.sent += [Event.model_validate_json(value).data["sku"] for _, value in messages]
        return [None] * len(messages)


def product_on(partition):
    return next(each for each in range(1, 100) if partition_of(str(each), TOPICS["catalog.v1"].partitions) == partition)


async def until_published(relay, connection, count):
    async def published():
        await relay.publish_batch(connection)
        found = await connection.execute("SELECT count(*) FROM outbox WHERE published_at IS NOT NULL")
        return (await found.fetchone())[0]

    await eventually(published, lambda number: number >= count)


async def test_what_is_committed_late_is_not_overtaken_by_what_follows_it_while_another_key_waits(
    database_url, service_database
):
    producer = Partitions()
    relay = Relay(database_url, producer)
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        async with service_database.sessions.begin() as late:
            await append_events(late, [deleted(product_on(2), "first")])
            async with service_database.sessions.begin() as session:
                await append_events(session, [deleted(product_on(0), "waits")])
            await relay.publish_batch(connection)  # has seen the row that waits, whose id is the larger one
        async with service_database.sessions.begin() as session:
            await append_events(session, [deleted(product_on(2), "second")])
        await relay.publish_batch(connection)
        await until_published(relay, connection, 2)
    assert producer.sent == ["first", "second"]


async def test_what_came_while_its_key_was_being_sent_is_not_overtaken_while_another_key_waits(
    database_url, service_database, monkeypatch
):
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.05)
    producer = Partitions()
    relay = Relay(database_url, producer)
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        for sku in ("first", "second", "third"):
            async with service_database.sessions.begin() as session:
                await append_events(session, [deleted(product_on(0), "waits"), deleted(product_on(1), sku)])
            if sku == "third":
                producer.gate.set()
                await asyncio.wait(relay._sending)
            await relay.publish_batch(connection)
        await until_published(relay, connection, 3)
    assert producer.sent == ["first", "second", "third"]


def test_the_events_of_a_user_are_found_without_reading_the_whole_outbox(database_url):
    with psycopg.connect(database_url) as connection:
        connection.execute("SET enable_seqscan = off")
        removing = "EXPLAIN DELETE FROM outbox WHERE topic = 'profile.v1' AND key = ANY('{anna}')"
        plan = "\n".join(line for (line,) in connection.execute(removing))
    assert "ix_outbox_personal" in plan
