"""Landing on Apache Kafka, with itself and what it needs killed again and again under load.

Each time what was sent has landed, each event once, the books say so, and it goes on by itself.
"""

import signal
import time

import pytest

from stack.databases import create_warehouse
from stack.parts.postgres import Postgres
from stack.programs import WAREHOUSE_ROLES
from tests.faults.landing_run import LandingRun, Traffic, kill_with_children
from tests.waiting import wait_until
from warehouse.migrate import migrate

pytestmark = pytest.mark.faults

EVENTS = 200_000
OWNERS = "select count(distinct owner) from landing.partitions where topic = 'user-actions.v1'"


@pytest.fixture
def traffic(new_kafka):
    with Traffic(new_kafka.url) as sending:
        yield sending


@pytest.fixture
def run(new_kafka):
    """Starts a landing process on a warehouse; it ends with the test."""
    runs = []

    def start(warehouse):
        runs.append(LandingRun(new_kafka.url, warehouse))
        runs[-1].start()
        runs[-1].wait_for_commit()
        return runs[-1]

    yield start
    for each in runs:
        each.kill()


@pytest.fixture
def own_server(tmp_path):
    """A Postgres of the test's own, which keeps what it commits as in production."""
    with Postgres(tmp_path / "data", password="superuser") as server:
        yield server


@pytest.fixture
def own_warehouse(own_server):
    made = create_warehouse(own_server.url(), dict.fromkeys(WAREHOUSE_ROLES.values(), "password"))
    migrate(made.owner)
    return made


@pytest.fixture
def some_time(moments):
    """Lets a random time pass, in which everything is at work."""
    return lambda: time.sleep(moments.uniform(0, 1.5))


def test_landing_killed_at_random_moments_lands_each_event_once(run, warehouse, traffic, rounds, some_time):
    landing = run(warehouse)
    for _ in range(rounds(20)):
        traffic.add(EVENTS // 20)
        some_time()
        landing.kill()
        landing.start()
        landing.wait_for_commit()
    landing.prove(traffic.end())


def test_postgres_killed_at_random_moments_keeps_each_event_once(
    run, own_server, own_warehouse, traffic, rounds, some_time
):
    landing = run(own_warehouse)
    for _ in range(rounds(5)):
        traffic.add(EVENTS // 5)
        some_time()
        kill_with_children(own_server)
        own_server.start()
        landing.wait_for_commit()
    landing.prove(traffic.end())


def test_kafka_killed_at_random_moments_each_acknowledged_event_lands_once(
    run, warehouse, new_kafka, traffic, rounds, some_time
):
    landing = run(warehouse)
    for _ in range(rounds(5)):
        traffic.add(EVENTS // 5)
        some_time()
        new_kafka.kill()
        new_kafka.start()
        landing.wait_for_commit()
    landing.prove(traffic.end())


def test_one_of_two_frozen_past_its_session_and_woken_lands_nothing_twice(run, warehouse, traffic, rounds, some_time):
    landing = run(warehouse)
    landing.start()
    for _ in range(rounds(5)):
        wait_until(lambda: landing.ask(OWNERS) == [(2,)])
        traffic.add(EVENTS // 5)
        some_time()
        landing.processes[0].send_signal(signal.SIGSTOP)
        wait_until(lambda: landing.ask(OWNERS) == [(1,)])
        landing.wait_for_commit()
        landing.processes[0].send_signal(signal.SIGCONT)
        landing.wait_for_commit()
    wait_until(lambda: landing.ask(OWNERS) == [(2,)])
    landing.prove(traffic.end())
