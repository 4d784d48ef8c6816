"""The landing as an asset: it waits until all is there, and its check holds the books against the rows."""

import asyncio
import re

import dagster as dg
import psycopg
import pytest
from aiokafka import AIOKafkaProducer

from pipelines.defs.landing.assets import raw_events
from services.contracts.envelope import Event
from services.contracts.events.actions import ProductViewed
from services.contracts.events.dead_letters import DeadLetter

SWALLOW = """
create function swallow() returns trigger language plpgsql security definer as $$ begin
    delete from raw.user_actions_v1 where kafka_offset = 1; return null;
end $$;
create constraint trigger swallow after update on landing.partitions deferrable initially deferred
    for each row execute function swallow()
"""
"""What was counted goes missing at the commit."""
ACTIONS = dg.AssetKey(["raw", "user_actions_v1"])
LETTERS = dg.AssetKey(["raw", "dead_letters"])


def view(number):
    return Event.of("PRODUCT_VIEWED", ProductViewed(user_id="1", product_id=number), producer="test")


@pytest.fixture
def send(broker):
    """`send("order.v1", event, partition=2)`."""
    broker.create_topics()

    async def produce(topic, *events, partition):
        async with AIOKafkaProducer(bootstrap_servers=broker.url) as producer:
            for event in events:
                await producer.send(topic, event.to_bytes(), key=b"1", partition=partition)

    return lambda *args, **kwargs: asyncio.run(produce(*args, **kwargs))


@pytest.fixture
def land(send, broker, warehouse, monkeypatch):
    """`land(2)` sends so many views to partition 2, and materialises the raw tables; the check on the actions."""
    monkeypatch.setenv("KAFKA_URL", broker.url)
    monkeypatch.setenv("WAREHOUSE_LOADER_URL", warehouse.loader)

    def run(count, name="nothing_is_lost", of=ACTIONS):
        send("user-actions.v1", *map(view, range(1, count + 1)), partition=2)
        result = dg.materialize([raw_events], raise_on_error=False)
        checks = (each for each in result.get_asset_check_evaluations() if each.asset_key == of)
        return {check.check_name: check for check in checks}[name]

    return run


def test_when_all_is_there_the_check_passes_and_shows_the_accounts(land):
    check = land(2)
    assert check.passed
    assert {
        "partition": 2, "consumed": 2, "landed": 2, "duplicates": 0, "dead_letters": 0, "lost": 0,
        "new_stored": 2, "new_found": 2, "new_lost": 0,
    } in [record.data for record in check.metadata["partitions"].records]  # fmt: skip


def test_when_rows_are_missing_the_check_fails_with_the_numbers_of_the_partition(land, warehouse):
    with psycopg.connect(warehouse.owner) as connection:
        connection.execute(SWALLOW)
    check = land(2)
    assert not check.passed
    assert check.description.startswith("partition 2: ")
    stored, found = re.search(r"(\d+) were stored and (\d+) are there", check.description).groups()
    assert int(found) == int(stored) - 1


def test_dead_letters_of_services_are_held_against_the_books_as_well(land, send, warehouse):
    letter = DeadLetter(
        consumer="c", reason="r", topic="order.v1", partition=0, offset=0, failed_at="2026-01-02T00:00:00Z"
    )
    send("dead-letters.v1", Event.of("DEAD_LETTER", letter, producer="c"), partition=0)
    assert land(0, of=LETTERS).passed
    with psycopg.connect(warehouse.owner) as connection:
        connection.execute("delete from raw.dead_letters")
        connection.execute("delete from landing.verified")
    assert not land(0, of=LETTERS).passed


def test_rows_that_have_become_old_fail_the_check_though_the_run_succeeds(land, warehouse):
    assert land(1, "is_fresh").passed
    with psycopg.connect(warehouse.owner) as connection:
        connection.execute("update raw.user_actions_v1 set loaded_at = '2026-01-02 03:04Z'")
    check = land(0, "is_fresh")
    assert (check.passed, check.description) == (False, "the newest row landed at 2026-01-02 03:04 UTC")


def test_what_was_found_is_reported_before_it_counts_as_verified(land, warehouse):
    with psycopg.connect(warehouse.owner) as connection:
        connection.execute("alter table landing.verified add check (number = 0)")  # nothing that landed can be verified
    assert land(2).passed
