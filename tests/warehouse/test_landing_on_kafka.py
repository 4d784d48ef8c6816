"""What only Apache Kafka's log does: it holds transactions, drops its beginning, and keeps the rest over a crash."""

import asyncio
import logging
import uuid

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

from tests.waiting import eventually
from warehouse import member as member_module
from warehouse.catch_up import land_until_caught_up
from warehouse.member import Member
from warehouse.offsets import Counts
from warehouse.settings import LandingSettings

ACTIONS = "user-actions.v1"
FIRST = TopicPartition(ACTIONS, 0)
OFFSETS = f"select next_offset from landing.partitions where topic = '{ACTIONS}' and kafka_partition = 0"
NUMBERS = "select number from raw.user_actions_v1 order by 1"
RESTARTS = "select sum(restarts) from landing.partitions"


@pytest.fixture
def broker(kafka_server):
    kafka_server.empty()
    kafka_server.create_topics()
    return kafka_server


@pytest.fixture
def landing(broker, warehouse):
    return LandingSettings(kafka_url=broker.url, warehouse_loader_url=warehouse.loader, landing_group=uuid.uuid4().hex)


async def send(url, *values):
    async with AIOKafkaProducer(bootstrap_servers=url, enable_idempotence=True) as producer:
        for value in values:
            await producer.send_and_wait(ACTIONS, value, partition=FIRST.partition)


async def drop_before(url, offset):
    """What retention does: the log begins at the offset."""
    admin = AIOKafkaAdminClient(bootstrap_servers=url)
    await admin.start()
    await admin.delete_records({FIRST: RecordsToDelete(before_offset=offset)})
    await admin.close()


async def caught_up(landing):
    return await asyncio.wait_for(land_until_caught_up(landing), 60)


async def test_of_a_transaction_what_was_committed_lands_and_its_markers_are_passed(landing, viewed, rows):
    async with AIOKafkaProducer(bootstrap_servers=landing.kafka_url, transactional_id="till") as producer:
        async with producer.transaction():
            await producer.send(ACTIONS, viewed(1), partition=FIRST.partition)
        await producer.begin_transaction()
        await producer.send_and_wait(ACTIONS, viewed(2), partition=FIRST.partition)
        await producer.abort_transaction()
    assert await caught_up(landing) == {ACTIONS: Counts(consumed=1, landed=1)}
    assert rows(OFFSETS) == [(4,)]
    assert await caught_up(landing) == {}


async def test_the_gaps_of_transactions_are_no_question_to_the_broker(landing, viewed, monkeypatch):
    async with AIOKafkaProducer(bootstrap_servers=landing.kafka_url, transactional_id="till") as producer:
        await producer.begin_transaction()
        await producer.send_and_wait(ACTIONS, viewed(1), partition=FIRST.partition)
        await producer.abort_transaction()
    await send(landing.kafka_url, viewed(2))
    monkeypatch.delattr(AIOKafkaConsumer, "beginning_offsets")
    assert await caught_up(landing) == {ACTIONS: Counts(consumed=1, landed=1)}


async def test_a_topic_that_was_created_again_lands_from_its_start_however_long_it_is(landing, broker, viewed, rows):
    await send(landing.kafka_url, viewed(1), viewed(2))
    await caught_up(landing)
    broker.empty()
    broker.create_topics()
    await send(landing.kafka_url, viewed(3), viewed(4), viewed(5))
    assert await caught_up(landing) == {ACTIONS: Counts(consumed=3, landed=3)}
    assert rows(NUMBERS) == [(1,), (2,), (3,), (4,), (5,)]
    assert rows(f"{OFFSETS} and restarts = 1") == [(3,)]


async def test_a_topic_that_is_created_again_under_a_landing_process_is_noticed(
    landing, broker, viewed, rows, monkeypatch
):
    monkeypatch.setattr(member_module, "WATCH_SECONDS", 0.5)
    member = Member(landing)
    running = asyncio.create_task(member.run())
    await send(landing.kafka_url, viewed(1))
    await eventually(lambda: rows(OFFSETS) == [(1,)])
    broker.empty()
    broker.create_topics()
    await send(landing.kafka_url, viewed(2), viewed(3))
    await eventually(lambda: rows("select count(*) from raw.user_actions_v1") == [(3,)])
    member.stop()
    await running


async def test_what_the_log_dropped_before_it_landed_is_named_and_the_rest_lands(landing, viewed, rows, caplog):
    await send(landing.kafka_url, viewed(1))
    await caught_up(landing)
    await send(landing.kafka_url, viewed(2), viewed(3), viewed(4))
    await drop_before(landing.kafka_url, 3)
    with caplog.at_level(logging.WARNING, "warehouse"):
        assert await caught_up(landing) == {ACTIONS: Counts(consumed=1, landed=1, lost=2)}
    assert "user-actions.v1/0: retention deleted offsets 1 to 2 before they landed" in caplog.text
    assert rows(RESTARTS) == [(0,)]


async def test_a_log_that_has_dropped_everything_holds_nobody_up(landing, viewed, rows):
    await send(landing.kafka_url, viewed(1), viewed(2))
    await drop_before(landing.kafka_url, 2)
    assert await caught_up(landing) == {ACTIONS: Counts(lost=2)}
    assert rows(OFFSETS) == [(2,)]


@pytest.mark.repeated
async def test_after_kill_9_of_the_broker_landing_goes_on_where_it_was(landing, broker, viewed, rows):
    member = Member(landing)
    running = asyncio.create_task(member.run())
    await send(landing.kafka_url, viewed(1))
    await eventually(lambda: rows(OFFSETS) == [(1,)])
    broker.kill()
    broker.start()  # in this thread: the broker dies with the one that started it
    await send(landing.kafka_url, viewed(2))
    await eventually(lambda: rows(OFFSETS) == [(2,)])
    member.stop()
    await running
    assert rows("select sum(consumed), sum(landed), sum(restarts) from landing.partitions") == [(2, 2, 0)]
