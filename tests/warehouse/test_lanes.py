import contextlib

import psycopg
import pytest
from aiokafka import TopicPartition
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import errors

from services.contracts.kafka import KafkaSettings
from warehouse import lanes, retries

ACTIONS = "user-actions.v1"
INSERT = """
insert into raw.user_actions_v1 (event_id, event_type, schema_version, occurred_at, producer, data, topic,
    kafka_partition, kafka_offset, lane, number)
values (uuidv7(), 'PRODUCT_VIEWED', 1, now(), 'test', '{}', 'user-actions.v1', 0, 0, %s, %s)
"""
READ = """
select event_id from raw.user_actions_v1
join unnest(%s::int[], %s::bigint[]) as seen (lane, number) using (lane)
join landing.lanes using (lane)
where user_actions_v1.number > seen.number and user_actions_v1.number <= lanes.number
"""
NUMBERED = "select lane, array_agg(number order by number) from raw.user_actions_v1 group by lane order by lane"


@pytest.fixture
def writers(warehouse):
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(psycopg.connect(warehouse.loader)) for _ in range(3)]
        for connection in connections:
            connection.execute("set lock_timeout = '5ms'")
            connection.commit()
        yield connections


def insert(writer: psycopg.Connection, partition: int) -> None:
    """Insert a row, unless another writer holds its lane."""
    with contextlib.suppress(errors.LockNotAvailable), writer.transaction():
        (taken,) = lanes.take(writer, [(ACTIONS, partition)], 1).values()
        writer.execute(INSERT, taken)


class Reader:
    """Reads what is new, as dbt does: between the lanes as they were and as they are now."""

    def __init__(self, url: str) -> None:
        self.connection = psycopg.connect(url)
        self.connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        self.seen = []
        self.lanes = {}
        self.read()
        self.seen.clear()

    def read(self) -> None:
        with self.connection.transaction():
            now = dict(self.connection.execute("select lane, number from landing.lanes").fetchall())
            before = {lane: self.lanes.get(lane, 0) for lane in now}
            parameters = (list(before), list(before.values()))
            self.seen += [event_id for (event_id,) in self.connection.execute(READ, parameters)]
            self.lanes = now


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["insert", "insert", "commit", "rollback", "read"]), st.integers(0, 2), st.integers(0, 2)
    ),
    max_size=25,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(steps=STEPS)
def test_a_reader_by_number_sees_every_row_once_in_whatever_order_writers_commit(warehouse, writers, rows, steps):
    before = {event_id for (event_id,) in rows("select event_id from raw.user_actions_v1")}
    reader = Reader(warehouse.dbt)
    with reader.connection:
        for step, number, partition in [*steps, *(("commit", number, 0) for number in range(3)), ("read", 0, 0)]:
            if step == "insert":
                insert(writers[number], partition)
            elif step == "read":
                reader.read()
            else:
                getattr(writers[number], step)()
    committed = {event_id for (event_id,) in rows("select event_id from raw.user_actions_v1")} - before
    assert sorted(reader.seen) == sorted(committed)


def test_numbers_go_on_in_the_same_lane_when_the_log_begins_anew(lander, viewed, rows):
    lander.land(viewed(), b"unreadable", viewed())
    lander.land(viewed(), log_id="another")
    assert rows(NUMBERED) == [(1, [1, 3, 4])]


def test_a_known_id_leaves_its_number_unused_and_takes_none_back(lander, viewed, rows):
    known = viewed()
    lander.land(known, viewed())
    lander.land(known, viewed())
    assert rows(NUMBERED) == [(1, [1, 2, 4])]
    assert rows("select number from landing.lanes") == [(4,)]


def test_each_partition_is_a_lane_also_one_that_is_added_later(lander, message, viewed, rows):
    first, added = TopicPartition(ACTIONS, 0), TopicPartition(ACTIONS, 9)
    lander.claim(first)
    lander.store.write(lander.batch(message(viewed())))
    lander.claim(first, added)
    lander.store.write(lander.batch(message(viewed(), 1), message(viewed(), partition=9)))
    assert rows("select topic, kafka_partition, lane from landing.lanes order by lane") == [(*first, 1), (*added, 2)]
    assert rows(NUMBERED) == [(1, [1, 2]), (2, [1])]


async def test_what_is_retried_has_a_lane_of_its_own(warehouse, lander, viewed, rows):
    lander.land(b"unreadable", viewed())
    rows(f"update raw.dead_letters set value = '{viewed().decode()}' returning 1")
    await retries.retry(warehouse.loader, KafkaSettings(kafka_url="127.0.0.1:1"))
    assert rows("select topic, kafka_partition, number from landing.lanes order by lane") == [
        (ACTIONS, 0, 2),
        (ACTIONS, None, 1),
    ]
    assert rows(NUMBERED) == [(1, [2]), (2, [1])]
