"""Landing on the embedded broker, killed, frozen within a write, and asked to end."""

import os
import signal
import subprocess
import sys

import psycopg
import pytest
from aiokafka import AIOKafkaProducer

from services.contracts.kafka import KafkaSettings
from stack.databases import create_warehouse
from stack.parts.broker import Broker
from stack.parts.postgres import Postgres
from stack.programs import WAREHOUSE_ROLES
from stack.topics import create_topics
from tests.disks import fill, on_small_disk, small_disk
from tests.faults.landing_run import BATCHES, new_views, send
from tests.waiting import eventually, wait_until
from warehouse.migrate import migrate

pytestmark = pytest.mark.faults

SESSION_MS = 3_000
MANY = 40_000


@pytest.fixture
async def broker(tmp_path):
    with Broker(tmp_path / "broker") as running:
        await create_topics(KafkaSettings(kafka_url=running.url))
        yield running


class Landing(subprocess.Popen):
    """A landing process; a test that fails beside it does not wait for its end, which would never come."""

    def __exit__(self, fault, *details):
        if fault:
            self.kill()
        super().__exit__(fault, *details)


@pytest.fixture
def landing(broker, warehouse):
    """Starts landing processes on the warehouse (or on another loader URL), and ends them with the test."""
    processes = []

    def start(loader=warehouse.loader, **options):
        environment = {
            **os.environ,
            "KAFKA_URL": broker.url,
            "WAREHOUSE_LOADER_URL": loader,
            "LANDING_SESSION_MS": str(SESSION_MS),
        }
        processes.append(Landing([sys.executable, "-m", "warehouse.landing"], env=environment, **options))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.wait()


async def produce(url, count):
    """Send that many distinct views."""
    async with AIOKafkaProducer(bootstrap_servers=url, **BATCHES) as producer:
        await send(producer, new_views(count))


async def until(url, query, expected):
    """Wait until the warehouse answers the query so."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:

        async def answer():
            return (await (await connection.execute(query)).fetchone())[0]

        await eventually(answer, lambda found: found == expected)


def bring_back(postgres):
    """Wait until a server that crashed serves: it recovers by itself, or has given that up."""

    def serves():
        if postgres.exit_code is not None:
            postgres.start()
        return postgres.serves()

    wait_until(serves)


def counts(url):
    """Rows in the table, and what the bookkeeping says: consumed, landed, duplicates, dead letters."""
    with psycopg.connect(url) as connection:
        rows = connection.execute("select count(*) from raw.user_actions_v1").fetchone()
        sums = "select sum(consumed), sum(landed), sum(duplicates), sum(dead_letters) from landing.partitions"
        return (*rows, *map(int, connection.execute(sums).fetchone()))


CONSUMED = "select coalesce(sum(consumed), 0)::int from landing.partitions"
IS_WAITING = """
select count(*) > 0 from pg_locks join pg_database on pg_database.oid = database
where datname = current_database() and not granted
"""
UNDER_WAY = "select coalesce(sum(consumed), 0) > 0 from landing.partitions"


async def test_killed_midway_and_started_again_each_event_lands_once(broker, landing, warehouse):
    await produce(broker.url, MANY)
    first = landing()
    await until(warehouse.owner, UNDER_WAY, expected=True)
    first.kill()
    first.wait()
    assert counts(warehouse.owner)[0] < MANY
    landing()
    await until(warehouse.owner, CONSUMED, MANY)
    assert counts(warehouse.owner) == (MANY, MANY, MANY, 0, 0)


async def test_one_frozen_within_a_write_and_woken_is_fenced_and_lands_nothing_twice(
    broker, landing, warehouse, tmp_path
):
    await produce(broker.url, MANY)
    with (tmp_path / "log").open("w+") as told:
        with psycopg.connect(warehouse.owner) as other:
            other.execute("lock table raw.user_actions_v1 in share mode")
            zombie = landing(stderr=told)
            await until(warehouse.owner, IS_WAITING, expected=True)
            zombie.send_signal(signal.SIGSTOP)
        landing()
        await until(warehouse.owner, CONSUMED, MANY)
        zombie.send_signal(signal.SIGCONT)
        await eventually(lambda: "fenced" in (tmp_path / "log").read_text())
        await produce(broker.url, 1_000)
        await until(warehouse.owner, CONSUMED, MANY + 1_000)
        assert zombie.poll() is None
    assert counts(warehouse.owner) == (MANY + 1_000, MANY + 1_000, MANY + 1_000, 0, 0)


async def test_asked_to_end_it_finishes_its_batch_and_exits_0(broker, landing, warehouse):
    await produce(broker.url, MANY)
    process = landing()
    await until(warehouse.owner, UNDER_WAY, expected=True)
    process.terminate()
    assert process.wait(timeout=20) == 0
    rows, consumed, landed, *_ = counts(warehouse.owner)
    assert rows == consumed == landed


async def test_a_full_disk_of_the_warehouse_is_named_and_landing_goes_on_when_there_is_room(broker, landing, tmp_path):
    with small_disk(tmp_path / "disk", 160) as disk, Postgres(disk / "data", password="superuser") as postgres:
        warehouse = create_warehouse(postgres.url(), dict.fromkeys(WAREHOUSE_ROLES.values(), "password"))
        migrate(warehouse.owner)
        ballast = fill(disk, leaving_kb=1_024)
        await produce(broker.url, MANY)
        with landing(warehouse.loader, stderr=subprocess.PIPE, text=True) as process:
            assert any("its disk is full: free space there" in line for line in process.stderr)
            ballast.unlink()
            bring_back(postgres)
            await until(warehouse.owner, CONSUMED, MANY)
            process.terminate()
            assert process.wait(timeout=30) == 0
        assert counts(warehouse.owner) == (MANY, MANY, MANY, 0, 0)


async def test_a_full_disk_of_its_log_ends_the_warehouse_and_landing_goes_on_when_there_is_room(
    broker, landing, tmp_path
):
    many = 3 * MANY  # more than the log has room for
    with Postgres(tmp_path / "data", password="superuser") as postgres:
        warehouse = create_warehouse(postgres.url(), dict.fromkeys(WAREHOUSE_ROLES.values(), "password"))
        migrate(warehouse.owner)
        postgres.stop()
        with on_small_disk(tmp_path / "data" / "pg_wal", 96) as log:
            postgres.start()
            ballast = fill(log, leaving_kb=0)
            await produce(broker.url, many)
            with landing(warehouse.loader, stderr=subprocess.PIPE, text=True) as process:
                assert any("the warehouse is unavailable" in line for line in process.stderr)
                assert "PANIC:  could not write to file" in postgres.log.read_text()
                ballast.unlink()
                bring_back(postgres)
                await until(warehouse.owner, CONSUMED, many)
                process.terminate()
                assert process.wait(timeout=30) == 0
            assert counts(warehouse.owner) == (many, many, many, 0, 0)
            postgres.stop()


async def test_asked_to_end_while_the_warehouse_is_away_it_exits_0(landing):
    with landing("postgresql://nobody@127.0.0.1:1/nowhere", stderr=subprocess.PIPE, text=True) as process:
        assert any("the warehouse is unavailable" in line for line in process.stderr)
        process.terminate()
        assert process.wait(timeout=30) == 0
