import contextlib

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

INSERT = """
insert into raw.user_actions_v1
    (event_id, event_type, schema_version, occurred_at, producer, data, topic, kafka_partition, kafka_offset)
values (uuidv7(), 'PRODUCT_VIEWED', 1, now(), 'test', '{}', 'user-actions.v1', 0, 0)
"""
READ = """
select event_id, loaded_xid from raw.user_actions_v1
where loaded_xid > %s and loaded_xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
"""


@pytest.fixture
def writers(warehouse):
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(psycopg.connect(warehouse.loader)) for _ in range(3)]


@pytest.fixture
def reader(warehouse):
    with psycopg.connect(warehouse.dbt, autocommit=True) as connection:
        yield connection


STEPS = st.lists(st.tuples(st.sampled_from(["insert", "commit", "rollback", "read"]), st.integers(0, 2)), max_size=25)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(steps=STEPS)
def test_a_reader_by_watermark_sees_every_row_once_in_whatever_order_writers_commit(writers, reader, steps):
    seen, (watermark,) = [], reader.execute("select coalesce(max(loaded_xid), 0) from raw.user_actions_v1").fetchone()
    before = {event_id for (event_id,) in reader.execute("select event_id from raw.user_actions_v1")}
    for step, number in [*steps, *(("commit", number) for number in range(3)), ("read", 0)]:
        if step == "insert":
            writers[number].execute(INSERT)
        elif step == "read":
            rows = reader.execute(READ, (watermark,)).fetchall()
            seen += [event_id for event_id, _ in rows]
            watermark = max([watermark, *(xid for _, xid in rows)])
        else:
            getattr(writers[number], step)()
    committed = {event_id for (event_id,) in reader.execute("select event_id from raw.user_actions_v1")} - before
    assert sorted(seen) == sorted(committed)
