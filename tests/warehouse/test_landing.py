import asyncio
import contextlib
import json
import sys
import uuid
from urllib.error import HTTPError
from urllib.request import urlopen

import psycopg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition, client
from prometheus_client import REGISTRY

from services.contracts.topic_ids import DescribeTopics
from tests.waiting import eventually
from warehouse import catch_up, metrics, progress
from warehouse import member as member_module
from warehouse.broker import log_ends
from warehouse.catch_up import land_until_caught_up
from warehouse.member import Member
from warehouse.offsets import Counts
from warehouse.settings import LandingSettings

ACTIONS = "user-actions.v1"
WAITING = """
select count(*) from pg_locks join pg_database on pg_database.oid = database
where datname = current_database() and not granted
"""

SLOW_DISK = """
create function rest() returns trigger language plpgsql as $$ begin perform pg_sleep(0.05); return new; end $$;
create trigger slow_disk before insert on raw.user_actions_v1 for each row execute function rest()
"""


@pytest.fixture
def broker(fresh_broker):
    """Either broker, empty but for topics, for one test: what others sent would be landed as well."""
    return fresh_broker


@pytest.fixture
def landing(broker, warehouse):
    return LandingSettings(kafka_url=broker.url, warehouse_loader_url=warehouse.loader, landing_group=uuid.uuid4().hex)


async def produce(url, *values, topic=ACTIONS):
    """Send values round-robin over the topic's partitions."""
    async with AIOKafkaProducer(bootstrap_servers=url) as producer:
        partitions = sorted(await producer.partitions_for(topic))
        for number, value in enumerate(values):
            await producer.send(topic, value, key=b"1", partition=partitions[number % len(partitions)])


@contextlib.asynccontextmanager
async def running(*members):
    async with asyncio.TaskGroup() as group:
        for member in members:
            group.create_task(member.run())
        yield
        for member in members:
            member.stop()


async def test_what_is_in_the_topics_lands_and_is_counted_by_topic(landing, viewed, rows):
    await produce(landing.kafka_url, *(viewed(number) for number in range(1, 21)), b"unreadable")
    assert await land_until_caught_up(landing) == {ACTIONS: Counts(consumed=21, landed=20, dead_letters=1)}
    assert rows("select count(*) from raw.user_actions_v1") == [(20,)]


async def test_a_landing_that_cannot_go_on_with_what_it_has_is_not_alive(landing, warehouse, viewed, rows, monkeypatch):
    member = Member(landing)
    port = metrics.serve("127.0.0.1", 0, lambda: member.is_alive)

    def status(path="/health/live"):
        try:
            return urlopen(f"http://127.0.0.1:{port}{path}").status
        except HTTPError as error:
            return error.code

    async with running(member):
        await produce(landing.kafka_url, viewed(1))
        await eventually(lambda: rows("select count(*) from raw.user_actions_v1") == [(1,)])
        monkeypatch.setattr(progress, "STALLED_AFTER", 2.0)
        with psycopg.connect(warehouse.owner) as locking:
            locking.execute("lock table raw.user_actions_v1")
            await produce(landing.kafka_url, viewed(2))
            await eventually(lambda: status() == 503)
        await eventually(lambda: status() == 200)
    assert status("/metrics") == 200


async def test_the_metrics_tell_what_became_of_what_was_consumed_and_how_much_waits(landing, viewed):
    known = viewed()
    outcomes = ("landed", "duplicates", "dead_letters")

    def told():
        name, of = "tanawari_landing_messages_total", {"topic": ACTIONS, "partition": "0"}
        values = [REGISTRY.get_sample_value(name, {**of, "outcome": outcome}) for outcome in outcomes]
        values.append(REGISTRY.get_sample_value("tanawari_landing_consumed_total", of))
        return [value or 0 for value in values]

    before = told()
    await produce(landing.kafka_url, known, *[b""] * 5, known, *[b""] * 5, b"unreadable")
    await land_until_caught_up(landing)
    assert [now - then for now, then in zip(told(), before, strict=True)] == [1, 1, 1, 3]
    assert REGISTRY.get_sample_value("tanawari_landing_lag", {"topic": ACTIONS, "partition": "0"}) == 0


async def test_the_lag_grows_while_the_warehouse_is_away(landing, warehouse, viewed, rows, monkeypatch):
    monkeypatch.setattr(member_module, "WATCH_SECONDS", 0.1)
    start = AIOKafkaConsumer.start

    async def late(consumer):  # after the watching would have begun, as where a login or a leader takes its time
        await asyncio.sleep(0.5)
        await start(consumer)

    monkeypatch.setattr(AIOKafkaConsumer, "start", late)

    def lag():
        of = ({"topic": ACTIONS, "partition": str(number)} for number in range(6))
        return sum(REGISTRY.get_sample_value("tanawari_landing_lag", each) or 0 for each in of)

    async with running(Member(landing)):
        await eventually(
            lambda: rows("select count(*) from landing.partitions where topic = 'user-actions.v1'") == [(6,)]
        )
        with psycopg.connect(warehouse.owner) as locking:
            locking.execute("lock table raw.user_actions_v1")
            await produce(landing.kafka_url, *(viewed() for _ in range(6)))
            await eventually(lambda: rows(WAITING) == [(1,)])
            await produce(landing.kafka_url, *(viewed() for _ in range(12)))
            await eventually(lambda: lag() >= 12)
        await eventually(lambda: lag() == 0)


async def test_watching_for_topics_that_were_created_again_opens_no_connection(landing, rows, monkeypatch):
    monkeypatch.setattr(member_module, "WATCH_SECONDS", 0.1)
    opened, asked = [], []

    def counting(calls, call):
        def counted(*args, **kwargs):
            calls.append(args)
            return call(*args, **kwargs)

        return counted

    async with running(Member(landing)):
        await eventually(lambda: rows("select count(*) > 0 from landing.partitions") == [(True,)])
        monkeypatch.setattr(DescribeTopics, "build", counting(asked, DescribeTopics.build))
        await eventually(lambda: len(asked) > 2)
        monkeypatch.setattr(client, "create_conn", counting(opened, client.create_conn))
        asked.clear()
        await eventually(lambda: len(asked) > 2)
    # Not `== []`: the gateway of other tests lives as long as the run, and goes on looking for its own broker.
    assert landing.kafka_url not in {f"{host}:{port}" for host, port, *_ in opened}


async def test_a_batch_that_takes_too_long_is_written_in_parts(landing, warehouse, viewed):
    with psycopg.connect(warehouse.owner) as owner:
        owner.execute(SLOW_DISK)
    settings = landing.model_copy(update={"landing_session_ms": 1_000})
    await produce(landing.kafka_url, *(viewed(number) for number in range(1, 151)), b"unreadable")
    assert await land_until_caught_up(settings) == {ACTIONS: Counts(consumed=151, landed=150, dead_letters=1)}


async def test_once_caught_up_there_is_nothing_to_do(landing, viewed):
    await produce(landing.kafka_url, viewed())
    await land_until_caught_up(landing)
    assert await land_until_caught_up(landing) == {}


async def test_the_ends_of_a_log_are_what_was_sent_to_it(landing, viewed):
    await produce(landing.kafka_url, *(viewed() for _ in range(13)))
    ends = await log_ends(landing, {})
    assert sum(ends.values()) == 13


async def test_several_members_share_the_partitions_and_each_event_lands_once(landing, viewed, rows):
    async with running(Member(landing), Member(landing)):
        await eventually(lambda: rows("select count(distinct owner) from landing.partitions") == [(2,)])
        await produce(landing.kafka_url, *(viewed() for _ in range(60)))
        await eventually(lambda: rows("select sum(consumed) from landing.partitions") == [(60,)])
    assert rows("select count(*) from raw.user_actions_v1") == [(60,)]
    assert rows("select count(distinct owner) from landing.partitions where consumed > 0") == [(2,)]


async def test_a_running_member_is_left_to_do_the_work(landing, viewed, rows, monkeypatch):
    monkeypatch.setattr(catch_up, "PATIENCE_SECONDS", 60)
    async with running(Member(landing)):
        await eventually(lambda: rows("select count(*) > 0 from landing.partitions") == [(True,)])
        await produce(landing.kafka_url, *(viewed() for _ in range(10)))
        await land_until_caught_up(landing)
        assert rows("select count(*) from raw.user_actions_v1") == [(10,)]
        assert rows("select count(distinct owner), max(epoch) from landing.partitions") == [(1, 1)]


async def test_a_member_whose_partitions_were_taken_drops_its_batch_and_claims_them_anew(landing, lander, viewed, rows):
    async with running(Member(landing)):
        await eventually(lambda: rows("select count(*) > 0 from landing.partitions") == [(True,)])
        ((log_id,),) = rows(f"select distinct log_id from landing.partitions where topic = '{ACTIONS}'")
        lander.claim(*(TopicPartition(ACTIONS, number) for number in range(6)), log_id=log_id)
        await produce(landing.kafka_url, *(viewed() for _ in range(6)))
        await eventually(lambda: rows("select sum(landed) from landing.partitions") == [(6,)])
    assert rows("select count(*), max(kafka_offset) from raw.user_actions_v1") == [(6, 0)]


async def test_a_broker_that_comes_back_is_followed_whether_it_kept_its_log_or_not(landing, broker, viewed, rows):
    async with running(Member(landing)):
        await produce(landing.kafka_url, *(viewed() for _ in range(12)))
        await eventually(lambda: rows("select sum(consumed) from landing.partitions") == [(12,)])
        broker.stop()
        broker.start()
        broker.create_topics()
        await produce(landing.kafka_url, viewed())
        await eventually(lambda: rows("select sum(landed) from landing.partitions") == [(13,)])
    assert rows("select count(*) from raw.user_actions_v1") == [(13,)]


async def test_a_log_that_begins_anew_while_it_is_waited_for_is_landed_to_its_new_end(
    landing, broker, warehouse, viewed, rows, monkeypatch
):
    monkeypatch.setattr(catch_up, "LONE_PATIENCE_SECONDS", 1)
    await produce(landing.kafka_url, *(viewed() for _ in range(12)))
    await land_until_caught_up(landing)
    await produce(landing.kafka_url, *(viewed() for _ in range(12)))
    with psycopg.connect(warehouse.owner) as other:
        other.execute("lock table landing.partitions in share mode")
        caught_up = asyncio.create_task(land_until_caught_up(landing))
        await eventually(lambda: rows(WAITING) == [(1,)])
        broker.stop()
        broker.start()
        broker.create_topics()
        await produce(landing.kafka_url, viewed())
    await asyncio.wait_for(caught_up, 60)
    kept = 12 if broker.is_idempotent else 0
    assert rows("select count(*) from raw.user_actions_v1") == [(13 + kept,)]


async def test_a_log_that_shrank_under_the_same_name_is_followed_from_its_start(landing, viewed, rows):
    await produce(landing.kafka_url, *(viewed() for _ in range(6)))
    await land_until_caught_up(landing)
    rows("update landing.partitions set next_offset = 1000 where topic = 'user-actions.v1' returning 1")
    async with running(Member(landing)):
        await eventually(lambda: rows("select sum(duplicates) from landing.partitions") == [(6,)])
    assert rows("select distinct restarts from landing.partitions where topic = 'user-actions.v1'") == [(1,)]


async def test_the_command_prints_what_landed_as_json(landing, viewed):
    await produce(landing.kafka_url, viewed())
    environment = {"KAFKA_URL": landing.kafka_url, "WAREHOUSE_LOADER_URL": landing.warehouse_loader_url}
    command = (sys.executable, "-m", "warehouse.landing", "--until-caught-up", "--json")
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    assert json.loads(output) == {ACTIONS: {"consumed": 1, "landed": 1, "duplicates": 0, "dead_letters": 0, "lost": 0}}
    assert process.returncode == 0
