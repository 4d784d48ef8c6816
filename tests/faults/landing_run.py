"""Landing at work while shoppers go on: the traffic, the processes, and what must be true when all is over."""

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
import uuid

import psutil
import psycopg
from aiokafka import AIOKafkaProducer

from services.contracts.envelope import Event
from services.contracts.events.actions import ProductViewed
from tests.waiting import wait_until

TOPIC = "user-actions.v1"
BATCHES = {"linger_ms": 5, "max_batch_size": 2**18}
PORTION = 2_000
TRICKLE, PAUSE = 20, 0.1
"""So many views are sent each time, and so many seconds lie between, when nothing more was asked for."""

PER_PARTITION = """
select kafka_partition, consumed, landed + duplicates + dead_letters, landed,
    (select count(*) from raw.user_actions_v1 as actions where actions.kafka_partition = known.kafka_partition)
from landing.partitions as known where topic = 'user-actions.v1'
"""


class Traffic:
    """Distinct views, sent by an idempotent producer in a thread of its own until the block ends.

    `ids` holds those that the broker has acknowledged; it never gives up on one.
    """

    def __init__(self, url):
        self.ids = set()
        self._url = url
        self._asked = 0
        self._ended = threading.Event()
        self._failure = None
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.end()

    def add(self, count):
        """Send so many as fast as may be, beside the trickle that never ends."""
        self._asked += count

    def end(self):
        """Send what was asked for, wait until all of it is acknowledged, and give the ids."""
        self._ended.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return self.ids

    def _run(self):
        try:
            asyncio.run(self._send())
        except Exception as error:  # noqa: BLE001 - told by `end` in the test's own thread
            self._failure = error

    async def _send(self):
        sent = 0
        async with AIOKafkaProducer(
            bootstrap_servers=self._url, enable_idempotence=True, request_timeout_ms=120_000, **BATCHES
        ) as producer:
            while (is_due := sent < self._asked) or not self._ended.is_set():
                views = new_views(PORTION if is_due else TRICKLE)
                await send(producer, views)
                self.ids |= views.keys()
                if is_due:
                    sent += len(views)
                else:
                    await asyncio.sleep(PAUSE)


def new_views(count):
    """So many distinct views as bytes, by their event ids."""
    payload = ProductViewed(user_id="1", product_id=7)
    nil = uuid.UUID(int=0)
    template = Event.of("PRODUCT_VIEWED", payload, producer="test", event_id=nil).to_bytes().decode()
    ids = [uuid.uuid4() for _ in range(count)]
    return {each: template.replace(str(nil), str(each)).encode() for each in ids}


async def send(producer, views):
    """Send views over all partitions, and wait until the broker has acknowledged them."""
    on_their_way = [await producer.send(TOPIC, value, key=str(each.int % 97).encode()) for each, value in views.items()]
    await asyncio.gather(*on_their_way)


class LandingRun:
    """Landing processes on a warehouse."""

    def __init__(self, kafka_url, warehouse):
        self.processes = []
        self._warehouse = warehouse
        self._environment = {**os.environ, "KAFKA_URL": kafka_url, "WAREHOUSE_LOADER_URL": warehouse.loader}

    def start(self):
        """Start one more."""
        command = [sys.executable, "-m", "warehouse.landing"]
        self.processes.append(subprocess.Popen(command, env=self._environment))

    def kill(self):
        """End them by SIGKILL."""
        while self.processes:
            process = self.processes.pop()
            process.kill()
            process.wait()

    def ask(self, query):
        """The rows of a query."""
        with psycopg.connect(self._warehouse.owner, connect_timeout=30) as connection:
            return connection.execute(query).fetchall()

    def consumed(self):
        """Messages whose outcome is committed."""
        return int(self.ask("select coalesce(sum(consumed), 0) from landing.partitions")[0][0])

    def wait_for_commit(self):
        """Wait until something new is committed."""
        before = self.consumed()
        wait_until(self.consumed, lambda consumed: consumed > before)

    def prove(self, ids):
        """Wait until all has landed, and see that it is exactly what was sent, and that the books say so."""
        wait_until(lambda: self.consumed() >= len(ids))
        assert {event_id for (event_id,) in self.ask("select event_id from raw.user_actions_v1")} == ids
        for partition, consumed, accounted, landed, rows in self.ask(PER_PARTITION):
            assert (partition, consumed, landed) == (partition, accounted, rows)
        totals = "select sum(consumed), sum(duplicates), sum(dead_letters), sum(restarts) from landing.partitions"
        assert self.ask(totals) == [(len(ids), 0, 0, 0)]


def kill_with_children(part):
    """SIGKILL for a part and what it started: Postgres starts its children in sessions of their own."""
    children = psutil.Process(part.pid).children(recursive=True)
    part.kill()
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    psutil.wait_procs(children, timeout=30)
