import asyncio
import base64
from math import inf

import psycopg
import pytest
from aiokafka import AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from opentelemetry.exporter.otlp.proto.http import trace_exporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY
from sqlalchemy import text

from services.common.messaging import broker as broker_module
from services.common.messaging import consumer as module
from services.common.messaging.broker import cluster_id
from services.common.messaging.consumer import Consumer
from services.common.messaging.producer import MessageRefusedError, Producer, is_too_large, partition_of
from services.common.runtime import telemetry, worker
from services.common.runtime.settings import ServiceSettings
from services.common.runtime.worker import running
from services.contracts.envelope import Event
from services.contracts.events.actions import ProductViewed
from services.contracts.topics import TOPICS
from tests.services.common.messaging.topics import create_again
from tests.waiting import eventually, read_topic

TOPIC = "user-actions.v1"
GROUP = "common-test.consumer"
UNLUCKY, TOO_LONG = 13, 14


def lag(partition):
    labels = {"consumer": GROUP, "topic": TOPIC, "partition": str(partition)}
    return REGISTRY.get_sample_value("tanawari_consumer_lag", labels)


def viewed(number: int, traceparent: str | None = None) -> bytes:
    data = ProductViewed(user_id="u1", product_id=number)
    return Event.of("PRODUCT_VIEWED", data, producer="common-test", traceparent=traceparent).to_bytes()


async def write_effects(session, messages):
    """The handler under test: one row a message, and two products that it cannot handle."""
    for message in messages:
        if message.payload.product_id == UNLUCKY:
            raise KeyError("unlucky")
        if message.payload.product_id == TOO_LONG:
            await session.execute(text("SELECT repeat('x', 2000000000)"))
        number = {"id": str(message.payload.product_id)}
        await session.execute(text("INSERT INTO effects (event_id) VALUES (:id)"), number)


@pytest.fixture
def consumer(settings, service_database, producer):
    return Consumer(settings, topics=[TOPIC], database=service_database, producer=producer, handle=write_effects)


@pytest.fixture
def effects(database_url):
    """The products handled, in order."""

    async def read():
        async with await psycopg.AsyncConnection.connect(database_url) as connection:
            rows = await (await connection.execute("SELECT event_id FROM effects ORDER BY id")).fetchall()
        return [int(row[0]) for row in rows]

    return read


async def committed(settings, partition):
    """The offset of the group on the logs that the broker has now."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_url)
    await admin.start()
    group = f"{GROUP}.{await cluster_id(settings)}"
    offsets = await admin.list_consumer_group_offsets(group, partitions=[partition])
    await admin.close()
    return offsets[partition].offset


def are(*numbers):
    return lambda found: found == list(numbers)


async def send(producer, *values):
    assert not any(await producer.send_many(TOPIC, [("u1", value) for value in values]))


@pytest.fixture
def spans(monkeypatch):
    """What leaves of the spans, once asked for."""
    exporter = InMemorySpanExporter()
    telemetry._tracer_provider.cache_clear()
    monkeypatch.setattr(trace_exporter, "OTLPSpanExporter", lambda **_: exporter)

    def finished():
        telemetry._tracer_provider("common-test", "memory").force_flush()
        return exporter.get_finished_spans()

    yield finished
    telemetry._tracer_provider("common-test", "memory").shutdown()
    telemetry._tracer_provider.cache_clear()


TRACES = [f"00-{'ab' * 15}0{number}-{'cd' * 7}0{number}-01" for number in (1, 2)]


def traced(context):
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-01"


@pytest.mark.parametrize("fresh_broker", ["embedded"], indirect=True)
async def test_a_trace_goes_on_in_the_consumer_or_is_linked_where_a_batch_has_several(
    settings, service_database, producer, effects, spans
):
    traces = []

    async def handle(session, messages):
        traces.append(telemetry.trace_id())
        await write_effects(session, messages)

    traced_settings = settings.model_copy(update={"otlp_endpoint": "memory"})
    consumer = Consumer(traced_settings, topics=[TOPIC], database=service_database, producer=producer, handle=handle)
    await send(producer, viewed(1, TRACES[0]))
    async with running([consumer]):
        await eventually(effects, are(1))
        await send(producer, viewed(2, TRACES[0]), viewed(3, TRACES[1]), viewed(4, TRACES[1]))
        await eventually(effects, are(1, 2, 3, 4))
    child, linked = spans()
    assert (traced(child.parent), traces[0]) == (TRACES[0], TRACES[0][3:35])
    assert (linked.parent, [traced(link.context) for link in linked.links]) == (None, TRACES)


async def test_ids_of_long_ago_leave_the_inbox(consumer, producer, database_url, effects):
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO inbox SELECT gen_random_uuid(), 'c', now() - make_interval(days => days)"
            " FROM unnest(ARRAY[101, 102, 99]) AS given (days)"
        )
    await send(producer, viewed(1))
    async with running([consumer]):
        await eventually(effects, are(1))
    with psycopg.connect(database_url) as connection:
        left = connection.execute("SELECT consumer, count(*) FROM inbox GROUP BY 1 ORDER BY 1").fetchall()
    assert left == [("c", 1), (GROUP, 1)]


async def test_an_event_that_comes_twice_has_its_effect_once(consumer, producer, effects):
    first, second = viewed(1), viewed(2)
    await send(producer, first, second, first)
    async with running([consumer]):
        await eventually(effects, are(1, 2))
        await send(producer, first, viewed(3))
        await eventually(effects, are(1, 2, 3))


async def test_events_of_other_types_than_asked_for_are_passed_over_and_not_remembered(
    settings, service_database, producer, effects, database_url
):
    parts = {"database": service_database, "producer": producer, "handle": write_effects}
    choosy = Consumer(settings, topics=[TOPIC], **parts, event_types=["PRODUCT_VIEWED"])
    other = viewed(1).replace(b"PRODUCT_VIEWED", b"REVIEW_START")
    await send(producer, other, viewed(2))
    async with running([choosy]):
        await eventually(effects, are(2))
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM inbox").fetchone() == (1,)


async def test_an_event_of_an_unknown_type_is_counted_and_passed_over(consumer, producer, effects):
    def counted():
        labels = {"consumer": "common-test.consumer", "topic": TOPIC}
        return REGISTRY.get_sample_value("tanawari_events_unknown_total", labels) or 0

    before, newer = counted(), viewed(7).replace(b"PRODUCT_VIEWED", b"PRODUCT_DREAMT_OF")
    await send(producer, newer, viewed(1))
    async with running([consumer]):
        await eventually(effects, are(1))
    assert counted() == before + 1


async def test_what_cannot_be_handled_is_a_dead_letter_and_the_partition_moves_on(broker, consumer, producer, effects):
    unlucky, too_long = viewed(UNLUCKY), viewed(TOO_LONG)
    await send(producer, viewed(1), unlucky, b"{no json", too_long, viewed(2))
    async with running([consumer]):
        await eventually(effects, are(1, 2))
    letters = [
        Event.model_validate_json(each.value).data for each in await read_topic(broker.url, "dead-letters.v1", 3)
    ]
    assert {(each["reason"], each["offset"], base64.b64decode(each["value"])) for each in letters} == {
        ("HANDLER_FAILED", 1, unlucky),
        ("NOT_JSON", 2, b"{no json"),
        ("HANDLER_FAILED", 3, too_long),
    }


def unreadable(offset, value=b"{no json"):
    return ConsumerRecord(TOPIC, 0, offset, 0, 0, b"u1", value, None, 0, len(value), ())


class Letters:
    """A producer that needs a while for each message, and refuses what is too large."""

    def __init__(self, after):
        self.sent = []
        self._after = after

    async def send(self, topic, key, value):
        if is_too_large(topic, key, value):
            raise MessageRefusedError("MessageSizeTooLargeError")
        await asyncio.sleep(0.05)
        self._after()
        self.sent.append(Event.model_validate_json(value).data)


@pytest.fixture
def alone(monkeypatch):
    """A consumer that reaches nothing but a producer, to which it looks stalled after a moment."""
    monkeypatch.setattr(worker, "STALLED_AFTER", 0.2)
    states = []
    producer = Letters(lambda: states.append(consumer.is_alive))
    unused = ServiceSettings(service="common-test")
    consumer = Consumer(unused, topics=[TOPIC], database=None, producer=producer, handle=write_effects)
    return consumer, producer, states


async def test_to_give_up_many_messages_is_progress(alone):
    consumer, producer, states = alone
    await consumer.handle_records([unreadable(offset) for offset in range(10)])
    assert (len(producer.sent), all(states)) == (10, True)


async def test_of_what_no_dead_letter_can_hold_there_is_one_without_the_bytes(alone):
    consumer, producer, _ = alone
    await consumer.handle_records([unreadable(1, b"x" * 2_000_000), unreadable(2)])
    assert [(each["offset"], "value" in each) for each in producer.sent] == [(1, False), (2, True)]
    assert producer.sent[0]["detail"].startswith("too large to be kept here: 2,000,000 bytes; ")


async def sleep_for_each(session, messages):
    """A handler whose one statement takes as long as its messages ask for, in seconds."""
    seconds = sum(message.payload.product_id for message in messages) / 10
    await session.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": seconds})
    await write_effects(session, messages)


async def test_a_batch_that_takes_too_long_is_handled_in_parts_and_only_what_is_too_long_alone_is_given_up(
    monkeypatch, settings, broker, producer, service_database, effects
):
    monkeypatch.setattr(module, "STATEMENT_SECONDS", 0.5)
    consumer = Consumer(settings, topics=[TOPIC], database=service_database, producer=producer, handle=sleep_for_each)
    slow = viewed(50)
    await send(producer, viewed(2), viewed(2), viewed(1), slow, viewed(1))
    async with running([consumer]):
        await eventually(effects, are(2, 2, 1, 1))
    (letter,) = await read_topic(broker.url, "dead-letters.v1", 1)
    data = Event.model_validate_json(letter.value).data
    assert (base64.b64decode(data["value"]), data["detail"]) == (slow, "QueryCanceled")


async def test_a_locked_table_is_waited_for(consumer, broker, producer, database_url, effects):
    """A consumer that stands still says so, by how much it has to do and since when."""
    await send(producer, viewed(1))
    partition = partition_of("u1", TOPICS[TOPIC].partitions)

    async def failure():
        return consumer.failure

    async with running([consumer]):
        with psycopg.connect(database_url) as locking:
            locking.execute("LOCK TABLE effects")
            await eventually(failure, lambda found: found == "LockNotAvailable")
            assert lag(partition) == 1
            assert REGISTRY.get_sample_value("tanawari_consumer_oldest_seconds", {"consumer": GROUP}) > 1
        await eventually(effects, are(1))

        async def unhandled():
            return lag(partition)

        await eventually(unhandled, lambda count: count == 0)
    assert await read_topic(broker.url, "dead-letters.v1", 0) == []


async def test_a_database_that_takes_no_writes_is_waited_for(
    consumer, broker, producer, database_url, service_database, effects, postgres_server
):
    name = database_url.rsplit("/", 1)[1]
    with psycopg.connect(postgres_server.url(), autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        await send(producer, viewed(1))

        async def failure():
            return consumer.failure

        async with running([consumer]):
            await eventually(failure, lambda found: found == "ReadOnlySqlTransaction")
            admin.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
            await service_database.close()
            await eventually(effects, are(1))
    assert await read_topic(broker.url, "dead-letters.v1", 0) == []


async def test_nothing_is_given_up_while_the_database_is_away(
    consumer, producer, database_url, effects, postgres_server
):
    name = database_url.rsplit("/", 1)[1]
    with psycopg.connect(postgres_server.url(), autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        await send(producer, viewed(1))

        async def failure():
            return consumer.failure

        async with running([consumer]):
            await eventually(failure, bool)
            assert consumer.is_alive
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
            await eventually(effects, are(1))


@pytest.mark.faults
async def test_a_broker_that_comes_back_is_read_on_whether_it_kept_its_log_or_not(broker, consumer, producer, effects):
    await send(producer, viewed(1), viewed(2), viewed(3))
    async with running([consumer]):
        await eventually(effects, are(1, 2, 3))
        broker.stop()
        broker.start()
        broker.create_topics()
        await eventually(lambda: producer.send_many(TOPIC, [("u1", viewed(4))]), lambda results: results == [None])
        await eventually(effects, lambda found: 4 in found)
    assert set(await effects()) == {1, 2, 3, 4}


@pytest.mark.faults
@pytest.mark.parametrize("fresh_broker", ["embedded"], indirect=True)
async def test_a_broker_that_comes_back_without_the_topic_is_read_on_once_there_is_one(
    broker, consumer, producer, effects, monkeypatch
):
    monkeypatch.setattr(broker_module, "POSITION_SECONDS", 1.0)
    monkeypatch.setattr(broker_module, "CHECK_SECONDS", inf)  # slower than the group, whose member has no position then
    await send(producer, viewed(1))
    async with running([consumer]):
        await eventually(effects, are(1))
        broker.stop()
        broker.start()
        await eventually(lambda: consumer.failure, lambda failure: failure == "TimeoutError")
        broker.create_topics()
        await eventually(lambda: producer.send_many(TOPIC, [("u1", viewed(2))]), lambda results: results == [None])
        await eventually(effects, are(1, 2))


@pytest.mark.parametrize("fresh_broker", ["apache"], indirect=True)
async def test_a_topic_that_was_created_again_while_nobody_consumed_it_is_read_from_its_start(
    broker, consumer, producer, settings, effects
):
    await send(producer, viewed(1))
    async with running([consumer]):
        await eventually(effects, are(1))
    broker.empty()
    broker.create_topics()
    again = Producer(settings)
    try:
        await eventually(lambda: again.send_many(TOPIC, [("u1", viewed(2))]), lambda results: results == [None])
        await send(again, viewed(3), viewed(4))
    finally:
        await again.close()
    async with running([consumer]):
        await eventually(effects, are(1, 2, 3, 4))


@pytest.mark.faults
async def test_a_topic_that_is_created_again_under_a_consumer_is_read_from_its_start(
    broker, consumer, producer, effects
):
    await send(producer, viewed(1))
    async with running([consumer]):
        await eventually(effects, are(1))
        create_again(broker, TOPIC, ("u1", viewed(2)), ("u1", viewed(3)))
        await eventually(effects, lambda found: sorted(found) == [1, 2, 3])


@pytest.mark.parametrize("fresh_broker", ["apache"], indirect=True)  # the embedded one stores no id with an offset
async def test_an_offset_that_was_committed_for_the_log_before_is_not_where_the_next_consumer_begins(
    broker, consumer, producer, effects, settings, service_database, monkeypatch
):
    monkeypatch.setattr(broker_module, "CHECK_SECONDS", inf)
    await send(producer, viewed(1))
    async with running([consumer]):
        await eventually(effects, are(1))
        create_again(broker, TOPIC, ("u1", viewed(2)), ("u1", viewed(3)))
        await eventually(effects, are(1, 3))  # it does not know yet
    after = Consumer(settings, topics=[TOPIC], database=service_database, producer=producer, handle=write_effects)
    async with running([after]):
        await eventually(effects, are(1, 3, 2))


async def test_stopping_leaves_what_was_not_handled_to_the_next(
    consumer, producer, service_database, effects, settings
):
    started, go_on = asyncio.Event(), asyncio.Event()

    async def stuck(_session, _messages):
        started.set()
        await go_on.wait()
        raise ConnectionError("stopped before it was done")

    stopped = Consumer(settings, topics=[TOPIC], database=service_database, producer=producer, handle=stuck)
    await send(producer, viewed(1))
    async with running([stopped]):
        await started.wait()
        asyncio.get_running_loop().call_later(0.1, go_on.set)
    async with running([consumer]):
        await eventually(effects, are(1))


@pytest.mark.parametrize("fresh_broker", ["apache"], indirect=True)
async def test_of_a_transaction_what_was_committed_is_handled_and_its_markers_are_passed(settings, consumer, effects):
    partition = TopicPartition(TOPIC, 0)
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka_url, transactional_id="till") as till:
        async with till.transaction():
            await till.send(TOPIC, viewed(1), partition=partition.partition)
        await till.begin_transaction()
        await till.send_and_wait(TOPIC, viewed(2), partition=partition.partition)
        await till.abort_transaction()

    async with running([consumer]):
        await eventually(lambda: committed(settings, partition), lambda offset: offset == 4)
    assert await effects() == [1]


@pytest.mark.faults
@pytest.mark.parametrize("fresh_broker", ["embedded"], indirect=True)
async def test_a_member_that_joins_while_the_broker_is_replaced_takes_the_group_of_the_new_logs(
    broker, consumer, producer, settings, effects, monkeypatch
):
    before = await cluster_id(settings)
    broker.stop()
    broker.start()
    broker.create_topics()
    told = iter([before])

    async def told_before(settings):
        return next(told, None) or await cluster_id(settings)

    monkeypatch.setattr(module, "cluster_id", told_before)
    async with running([consumer]):
        await eventually(lambda: producer.send_many(TOPIC, [("u1", viewed(1))]), lambda results: results == [None])
        await eventually(effects, are(1))
        partition = TopicPartition(TOPIC, partition_of("u1", TOPICS[TOPIC].partitions))
        await eventually(lambda: committed(settings, partition), lambda offset: offset == 1, seconds=20)
