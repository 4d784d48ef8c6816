"""A column, an index, a right: what a migration brings, an existing installation gets like a fresh one."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from alembic import command

from services.contracts.topics import TOPICS
from stack.databases import WAREHOUSE_ROLES, create_warehouse
from stack.parts.postgres import Postgres
from tests.waiting import wait_until
from warehouse.live_views import make_live_views
from warehouse.migrate import alembic_config, migrate, revision

TABLE_OF_0004 = """
create table raw.{0} (
    event_id uuid primary key, event_type text not null, schema_version int not null, occurred_at timestamptz not null,
    producer text not null, key text, data jsonb not null, topic text not null, kafka_partition int not null,
    kafka_offset bigint not null, loaded_at timestamptz not null default now(),
    loaded_xid bigint not null default pg_current_xact_id()::text::bigint
);
create index {0}_loaded_xid on raw.{0} (loaded_xid)
"""
COLUMNS = """
select attrelid::regclass::text, attname, format_type(atttypid, atttypmod), attnotnull, attgenerated, attidentity,
    attacl::text, pg_get_expr(adbin, adrelid)
from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum
where attrelid::regclass::text ~ '^(raw|landing|live)\\.' and attnum > 0 and not attisdropped
order by 1, attnum
"""
THINGS = """
select indexdef from pg_indexes where schemaname in ('raw', 'landing', 'live')
union all select conrelid::regclass || ' ' || pg_get_constraintdef(oid) from pg_constraint
    where connamespace::regnamespace::text in ('raw', 'landing')
union all select oid::regclass || ' ' || coalesce(relacl::text, '') from pg_class
    where relnamespace::regnamespace::text in ('raw', 'landing', 'live')
union all select viewname || definition from pg_views where schemaname = 'live'
order by 1
"""


ROW = """
insert into raw.{} (event_id, event_type, schema_version, occurred_at, producer, data, topic, kafka_partition,
    kafka_offset, loaded_xid)
values (gen_random_uuid(), 'PRODUCT_VIEWED', 1, now(), 'test', %s, %s, %s, %s, %s)
"""


@pytest.fixture
def old(postgres_server: Postgres) -> psycopg.Connection:
    """An empty warehouse as revision 0004 left it, as its owner."""
    passwords = dict.fromkeys(WAREHOUSE_ROLES.values(), "password")
    made = create_warehouse(postgres_server.url(), passwords, name=f"old_{uuid.uuid4().hex[:8]}")
    command.upgrade(alembic_config(made.owner), "0004")
    with psycopg.connect(made.owner, autocommit=True) as connection:
        for topic in TOPICS.values():
            if topic.table != "dead_letters_v1":
                connection.execute(TABLE_OF_0004.format(topic.table))
        make_live_views(connection)
        yield connection


def schema(connection: psycopg.Connection) -> list[tuple]:
    return connection.execute(COLUMNS).fetchall() + connection.execute(THINGS).fetchall()


def test_an_existing_installation_becomes_what_a_fresh_one_is(old, warehouse):
    migrate(url(old))
    with psycopg.connect(warehouse.owner) as fresh:
        assert schema(old) == schema(fresh)


def test_of_two_who_migrate_at_once_one_waits(old):
    with psycopg.connect(url(old)) as other, ThreadPoolExecutor(1) as pool:
        other.execute("select pg_advisory_xact_lock(hashtextextended('warehouse.migrate', 0))")
        migrated = pool.submit(migrate, url(old))
        waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
        wait_until(lambda: old.execute(waiting).fetchone(), lambda row: row == (1,), seconds=10)
        other.rollback()
        migrated.result()
    assert revision(url(old)) != "0004"


def test_every_step_can_be_taken_back_and_taken_again(old):
    before = schema(old)
    command.upgrade(alembic_config(url(old)), "head")
    command.downgrade(alembic_config(url(old)), "0004")
    assert schema(old) == before


def test_rows_that_are_there_are_numbered_as_they_came_and_name_their_user(old):
    for table, topic, *position, user in (
        ("user_actions_v1", "user-actions.v1", 0, 0, 2, "late"),  # the log began anew
        ("user_actions_v1", "user-actions.v1", 0, 8, 1, "early"),
        ("user_actions_v1", "user-actions.v1", 1, 5, 1, "beside"),
        ("order_v1", "order.v1", 0, 3, 7, None),
    ):
        old.execute(ROW.format(table), (json.dumps({"userId": user} if user else {}), topic, *position))

    migrate(url(old))

    found = (
        "select lanes.topic, lanes.kafka_partition, {0}.number, user_id from raw.{0} join landing.lanes using (lane)"
    )
    assert old.execute(found.format("user_actions_v1") + " order by 2, 3").fetchall() == [
        ("user-actions.v1", 0, 1, "early"),
        ("user-actions.v1", 0, 2, "late"),
        ("user-actions.v1", 1, 1, "beside"),
    ]
    assert old.execute(found.format("order_v1")).fetchall() == [("order.v1", 0, 1, None)]
    numbers = "select topic, kafka_partition, number from landing.lanes order by topic, kafka_partition"
    assert old.execute(numbers).fetchall() == [
        ("order.v1", 0, 1), ("user-actions.v1", 0, 2), ("user-actions.v1", 1, 1)
    ]  # fmt: skip


def url(connection: psycopg.Connection) -> str:
    info = connection.info
    return f"postgresql://{info.user}:{info.password}@{info.host}:{info.port}/{info.dbname}"
