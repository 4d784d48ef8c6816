"""A service killed around its outbox: every event arrives, in order per key, and none is invented."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from services.common.storage.migrate import migrate
from services.contracts.envelope import Event
from tests.waiting import SHORTEST, read_topic, wait_until

pytestmark = pytest.mark.faults
SERVICE = Path(__file__).with_name("outbox_service.py")
KEYS = 7
EVENTS = 50
PUBLISHED = "SELECT count(*) FROM outbox WHERE published_at IS NOT NULL"


@pytest.fixture
def outbox_url(database):
    url = database("outbox")
    migrate("catalog", url)
    return url


@pytest.fixture
def start(outbox_url, fresh_broker):
    """Starts the service; it commits `count` events from `first` and relays, until its kill point if it has one."""
    children = []
    environment = {**os.environ, "KAFKA_IDEMPOTENCE": str(fresh_broker.is_idempotent)}

    def start(kill_point="none", *, batches=0, first=1, count=0):
        words = [sys.executable, SERVICE, outbox_url, fresh_broker.url, kill_point, batches, first, count]
        children.append(subprocess.Popen([str(word) for word in words], env=environment))
        return children[-1]

    yield start
    for child in children:
        child.kill()
        child.wait()


@pytest.fixture
def arrived(outbox_url, fresh_broker):
    """What a consumer has after de-duplication, by key: the numbers of the events, none of which is invented."""

    async def read():
        with psycopg.connect(outbox_url) as connection:
            known = {event_id for (event_id,) in connection.execute("SELECT event_id FROM outbox")}
        by_key, seen = {}, set()
        for record in await read_topic(fresh_broker.url, "catalog.v1", len(known)):
            event = Event.model_validate_json(record.value)
            if event.event_id not in seen:
                seen.add(event.event_id)
                by_key.setdefault(int(record.key), []).append(int(event.data["sku"]))
        assert seen == known
        return by_key

    return read


@pytest.fixture
def deaths(fresh_broker, rounds):
    return rounds(20) if fresh_broker.is_idempotent else 1


def expected(count):
    return {1 + rest: [number for number in range(1, count + 1) if number % KEYS == rest] for rest in range(KEYS)}


@pytest.mark.parametrize("kill_point", ["committed", "published"])
async def test_a_service_killed_around_publishing_loses_and_invents_nothing(
    start, arrived, deaths, moments, kill_point
):
    for death in range(deaths):
        dying = start(kill_point, batches=moments.randrange(3), first=death * EVENTS + 1, count=EVENTS)
        assert dying.wait(60) == -signal.SIGKILL
    assert start().wait(60) == 0
    assert await arrived() == expected(deaths * EVENTS)


async def test_relays_of_two_processes_one_of_them_killed_lose_and_invent_nothing(start, arrived, deaths, moments):
    for death in range(deaths):
        kill_point = moments.choice(["committed", "published"])
        dying = start(kill_point, batches=moments.randrange(3), first=death * EVENTS + 1, count=EVENTS)
        living = start()
        assert {dying.wait(60), living.wait(60)} <= {0, -signal.SIGKILL}
    assert start().wait(60) == 0
    assert await arrived() == expected(deaths * EVENTS)


@pytest.mark.parametrize("fresh_broker", ["apache"], indirect=True)
async def test_kafka_killed_under_the_relay_loses_nothing_and_keeps_the_order(
    start, arrived, fresh_broker, outbox_url, rounds
):
    many = rounds(5_000, 2_000)
    relaying = start(count=many)
    with psycopg.connect(outbox_url, autocommit=True) as connection:
        for death in range(rounds(5)):
            few = death * many // 10
            wait_until(
                lambda: connection.execute(PUBLISHED).fetchone()[0],
                lambda published: published > few,  # noqa: B023
                longest=SHORTEST,
            )
            fresh_broker.kill()
            assert relaying.poll() is None
            fresh_broker.start()
    assert relaying.wait(120) == 0
    assert await arrived() == expected(many)
