"""The landing as an asset: it waits until all is there, and its check holds the books against the rows."""

import asyncio

import dagster as dg
import psycopg
import pytest
from aiokafka import AIOKafkaProducer

from pipelines.defs.landing.assets import raw_events
from services.contracts.envelope import Event
from services.contracts.events.actions import ProductViewed

ACTIONS = dg.AssetKey(["raw", "user_actions_v1"])


@pytest.fixture
def land(broker, warehouse, monkeypatch):
    """`land(2)` sends so many views to partition 2, and materialises the raw tables; the check on the actions."""
    broker.create_topics()
    monkeypatch.setenv("KAFKA_URL", broker.url)
    monkeypatch.setenv("WAREHOUSE_LOADER_URL", warehouse.loader)

    async def send(count):
        async with AIOKafkaProducer(bootstrap_servers=broker.url) as producer:
            for number in range(1, count + 1):
                view = Event.of("PRODUCT_VIEWED", ProductViewed(user_id="1", product_id=number), producer="test")
                await producer.send("user-actions.v1", view.to_bytes(), key=b"1", partition=2)

    def run(count):
        asyncio.run(send(count))
        result = dg.materialize([raw_events])
        (check,) = (each for each in result.get_asset_check_evaluations() if each.asset_key == ACTIONS)
        return check

    return run


def test_when_all_is_there_the_check_passes_and_shows_the_accounts(land):
    check = land(2)
    assert check.passed
    assert {
        "partition": 2, "consumed": 2, "landed": 2, "duplicates": 0, "dead_letters": 0, "rows": 2, "letters": 0
    } in [record.data for record in check.metadata["partitions"].records]  # fmt: skip


def test_when_rows_are_missing_the_check_fails_with_the_numbers_of_the_partition(land, warehouse):
    land(2)
    with psycopg.connect(warehouse.owner) as connection:
        connection.execute("delete from raw.user_actions_v1")
    check = land(1)
    assert not check.passed
    assert "partition 2: " in check.description
    assert check.description.endswith("there are 1 rows and 0 letters")
