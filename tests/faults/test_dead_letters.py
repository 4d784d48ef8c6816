"""The whole way of a dead letter: refused or given up, kept in one store, and tried again once its cause is mended."""

import asyncio
import json
import os
import subprocess
import sys

import psycopg
import pytest
from aiokafka import AIOKafkaProducer

from services.common.storage.migrate import migrate
from tests.dbt.shop import event, product
from tests.faults.malformed import LARGEST, encoded
from tests.service_process import ROOT, ServiceProcess
from tests.waiting import wait_until
from warehouse.catch_up import land_until_caught_up
from warehouse.settings import LandingSettings

pytestmark = pytest.mark.faults

OLDER_LANDING = """
import sys
from services.contracts import registry
registry.EVENTS.pop("REVIEW_START")  # a type that was declared later
from warehouse import landing
sys.argv = ["landing", "--until-caught-up"]
landing.main()
"""


@pytest.fixture
def environment(any_broker, warehouse):
    any_broker.create_topics()
    return {**os.environ, "KAFKA_URL": any_broker.url, "WAREHOUSE_LOADER_URL": warehouse.loader}


@pytest.fixture
def send(any_broker):
    """Sends values to a topic, under one key."""

    async def produce(topic, values):
        async with AIOKafkaProducer(bootstrap_servers=any_broker.url, max_request_size=2**21) as producer:
            for value in values:
                await producer.send(topic, value, key=b"1")

    return lambda topic, *values: asyncio.run(produce(topic, values))


@pytest.fixture
def land(any_broker, warehouse):
    """Lands what is there."""
    settings = LandingSettings(kafka_url=any_broker.url, warehouse_loader_url=warehouse.loader)
    return lambda: asyncio.run(land_until_caught_up(settings))


@pytest.fixture
def dead_letters(environment):
    """Runs `tanawari dead-letters … --json`; its exit code and what it printed."""

    def run(*words):
        command = [sys.executable, "-m", "cli", "dead-letters", *words, "--json"]
        ran = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=False)
        return ran.returncode, json.loads(ran.stdout)

    return run


def ask(url, query):
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def alter_products(url, change):
    with psycopg.connect(url) as connection:
        connection.execute(f"alter table products {change}")


def wait_for_answer(url, query, expected):
    wait_until(lambda: ask(url, query), lambda rows: rows == expected)


def test_what_a_corrected_contract_can_read_lands_and_the_rest_stays_with_its_reason(
    send, environment, warehouse, dead_letters
):
    review = event("REVIEW_START", userId="1", productId=7)
    send("user-actions.v1", encoded(review), encoded({**review, "eventType": "NOBODY_KNOWS"}), b"{")
    subprocess.run([sys.executable, "-c", OLDER_LANDING], cwd=ROOT, env=environment, check=True)
    _, kept = dead_letters("list")
    assert [each["reason"] for each in kept] == ["UNKNOWN_TYPE", "UNKNOWN_TYPE", "NOT_JSON"]
    code, retried = dead_letters("retry")
    assert (code, retried) == (3, {"landed": 1, "duplicates": 0, "resent": 0, "remaining": 2, "skipped": 0})
    position = (kept[0]["kafka_partition"], kept[0]["kafka_offset"])
    query = "select event_id::text, kafka_partition, kafka_offset from raw.user_actions_v1"
    assert ask(warehouse.owner, query) == [(review["eventId"], *position)]
    assert [(each["id"], each["reason"]) for each in dead_letters("list")[1]] == [
        (kept[1]["id"], "UNKNOWN_TYPE"),
        (kept[2]["id"], "NOT_JSON"),
    ]


@pytest.fixture
def content_url(database, environment, tokens, tmp_path):
    """The database of a running content service."""
    url = database("content")
    migrate("content", url)
    own = {"CONTENT_DATABASE_URL": url, **tokens.environment}
    with ServiceProcess("content", environment | own, tmp_path / "content.log"):
        yield url


def test_what_a_service_gave_up_is_in_the_same_store_and_is_handled_after_a_retry(
    send, land, warehouse, dead_letters, content_url
):
    alter_products(content_url, "add constraint a_fault check (name <> 'Milk')")
    send("catalog.v1", encoded(product(1, name="Milk")), encoded(product(2, name="Tea")), b"{", b"\xff" * LARGEST)
    wait_for_answer(content_url, "select id from products", [(2,)])
    letters = (
        "select consumer, reason from raw.dead_letters where topic = 'catalog.v1' and resolved_at is null order by 1, 2"
    )
    given_up = [("content.catalog", "HANDLER_FAILED"), *[("content.catalog", "NOT_JSON"), ("landing", "NOT_JSON")] * 2]

    def landed_letters():
        land()
        return ask(warehouse.owner, letters)

    wait_until(landed_letters, lambda rows: rows == sorted(given_up))
    alter_products(content_url, "drop constraint a_fault")
    code, retried = dead_letters("retry", "--consumer", "content.catalog")
    assert (code, retried) == (3, {"landed": 0, "duplicates": 0, "resent": 1, "remaining": 2, "skipped": 0})
    wait_for_answer(content_url, "select id from products order by id", [(1,), (2,)])
    land()
    assert ask(warehouse.owner, letters) == sorted(given_up[1:])
    assert ask(warehouse.owner, "select count(*) from raw.catalog_v1") == [(2,)]
