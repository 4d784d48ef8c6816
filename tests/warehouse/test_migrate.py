import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from services.contracts.topics import TOPICS
from warehouse.migrate import migrate


def refused(url, statement):
    with psycopg.connect(url, autocommit=True) as connection, pytest.raises(InsufficientPrivilege):
        connection.execute(statement)


def test_every_topic_has_a_table_but_dead_letters_which_share_one(rows):
    tables = {name for (name,) in rows("select table_name from information_schema.tables where table_schema = 'raw'")}
    assert tables == {topic.table for topic in TOPICS.values()} - {"dead_letters_v1"} | {"dead_letters"}


def test_migrating_again_changes_nothing(warehouse, rows):
    migrate(warehouse.owner)
    assert rows("select version_num from landing.migrations") == [("0010",)]


def test_the_loader_cannot_take_back_what_it_wrote(warehouse):
    refused(warehouse.loader, "delete from raw.order_v1")
    refused(warehouse.loader, "update raw.order_v1 set data = '{}'")


def test_dbt_reads_events_but_no_dead_letters(warehouse):
    with psycopg.connect(warehouse.dbt) as connection:
        connection.execute("select * from raw.order_v1, landing.lanes")
    refused(warehouse.dbt, "select * from landing.partitions")
    refused(warehouse.dbt, "select reason from raw.dead_letters")
    refused(warehouse.dbt, "insert into raw.order_v1 default values")


@pytest.mark.parametrize("role", ["analyst", "pipelines"])
def test_readers_of_marts_see_nothing_raw(warehouse, role):
    refused(getattr(warehouse, role), "select * from raw.order_v1")
    refused(getattr(warehouse, role), "select * from landing.partitions")
