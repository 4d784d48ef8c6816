"""A service killed around its outbox: every event arrives, in order per key, and none is invented."""

import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from services.common import outbox
from services.contracts.envelope import Event
from tests.services.waiting import read_topic

pytestmark = pytest.mark.faults
SERVICE = Path(__file__).with_name("outbox_service.py")
KEYS = 7


@pytest.fixture
def outbox_url(database, broker):
    broker.create_topics("catalog.v1")
    url = database("outbox")
    with psycopg.connect(url) as connection:
        outbox.create(connection)
    return url


@pytest.fixture
def start(outbox_url, broker):
    """Starts the service; it commits `count` events from `first` and relays."""
    children = []

    def start(kill_point="none", first=1, count=0):
        words = [sys.executable, SERVICE, outbox_url, broker.url, kill_point, str(first), str(count)]
        children.append(subprocess.Popen([str(word) for word in words]))
        return children[-1]

    yield start
    for child in children:
        child.kill()
        child.wait()


@pytest.fixture
def arrived(outbox_url, broker):
    """What a consumer has after de-duplication, by key: the products of this outbox's events."""

    async def read():
        with psycopg.connect(outbox_url) as connection:
            known = {row[0] for row in connection.execute("SELECT event_id FROM outbox")}
        by_key, seen = {}, set()
        for record in await read_topic(broker.url, "catalog.v1", 1):
            event = Event.model_validate_json(record.value)
            if event.event_id in known and event.event_id not in seen:
                seen.add(event.event_id)
                by_key.setdefault(int(record.key), []).append(event.data["productId"])
        return by_key

    return read


def expected(count):
    return {key: [number for number in range(1, count + 1) if number % KEYS == key] for key in range(KEYS)}


@pytest.mark.parametrize("kill_point", ["committed", "published"])
async def test_a_service_killed_around_publishing_loses_and_invents_nothing(start, arrived, kill_point):
    assert start(kill_point, count=50).wait(60) == -signal.SIGKILL
    assert start(first=51, count=50).wait(60) == 0
    assert await arrived() == expected(100)


async def test_relays_of_two_processes_one_of_them_killed_lose_and_invent_nothing(start, arrived):
    assert start("committed", count=100).wait(60) == -signal.SIGKILL
    dying, living = start("published"), start()
    assert {dying.wait(60), living.wait(60)} <= {0, -signal.SIGKILL}
    assert start().wait(60) == 0
    assert await arrived() == expected(100)
