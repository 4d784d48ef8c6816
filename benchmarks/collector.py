"""Actions a second that the collector acknowledges, by batches of a hundred over HTTP.

The analytics service as the stack starts it: one uvicorn worker on a real database, which also consumes its own topic
into its tables meanwhile. Sixteen connections post batches, each of one visitor's product views; an answer comes once
the broker has acknowledged the batch. Actions are taken faster than they are recorded; each round begins when all that
was taken before is in the tables.

The reference is a producer that only sends the same bytes to the same broker, with the same acknowledgement and
compression: the messages that the collector made, a hundred of one visitor at a time, sixteen at once, to a topic that
nobody reads. The two take turns; the best of each counts.
"""

import asyncio
import os
import re
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Final

import orjson
import psycopg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from benchmarks.actions import PARTITIONS, TOPIC
from benchmarks.load import CONNECTIONS, closed_loop, request
from benchmarks.measure import in_turns
from benchmarks.report import Figure, Options, at_least, run, tell
from services.common.messaging.connection import BATCH_BYTES
from services.common.messaging.producer import partition_of
from services.common.storage.migrate import migrate
from services.contracts.kafka import KafkaSettings
from stack.databases import create_database
from stack.keys import create_signing_keys
from stack.parts.broker import Broker
from stack.parts.postgres import Postgres
from stack.parts.process import HOST, Process, free_port
from stack.topics import create_topics

RATE: Final = at_least(0.30)

ACTIONS: Final = 100
VISITORS: Final = 500
SECONDS, SMALL_SECONDS = 8.0, 1.0
UNREAD: Final = "benchmark"
LOOK_SECONDS: Final = 0.2
BROWSER: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
_PRODUCED = re.compile(rf'^tanawari_events_produced_total{{topic="{TOPIC}"}} (\S+)$', re.MULTILINE)

Batch = list[tuple[bytes, bytes]]
"""Keys and values of one visitor's messages."""


def measure(options: Options) -> Iterator[Figure]:
    """The rate of acknowledged actions."""
    seconds = SMALL_SECONDS if options.small else SECONDS
    with _collector() as (port, broker, database):
        asyncio.run(_post(port, database, 1.0))  # the first requests find nothing compiled, connected or cached
        batches = asyncio.run(_sent(broker))
        ours, theirs = in_turns(
            lambda: asyncio.run(_post(port, database, seconds)),
            lambda: asyncio.run(_produce(broker, batches, seconds)),
            rounds=1 if options.small else 3,
        )
    yield Figure("actions", max(ours), "actions/s", RATE, reference=max(theirs))


@contextmanager
def _collector() -> Iterator[tuple[int, str, str]]:
    """The analytics service and what it needs; its port, and the addresses of broker and database."""
    with (
        tempfile.TemporaryDirectory(prefix="tanawari-collector-") as name,
        Postgres(Path(name) / "postgres", password="benchmark") as postgres,  # noqa: S106 - a server of ours, for now
        Broker(Path(name) / "broker") as broker,
    ):
        database = create_database(postgres.url(), "analytics", "benchmark")
        migrate("analytics", database)
        asyncio.run(_create_topics(broker.url))
        port = free_port()
        command = [
            *(sys.executable, "-m", "services.common.web.server", "services.analytics.app:create_app"),
            *("--port", str(port)),
        ]
        environment = {
            **os.environ,
            "ANALYTICS_DATABASE_URL": database,
            "KAFKA_URL": broker.url,
            **create_signing_keys(Path(name)).environment,
        }
        log = Path(name) / "analytics.log"
        with Process("analytics", command, log, environment=environment, is_ready=lambda: _produced(port) == 0):
            yield port, broker.url, database


async def _create_topics(broker: str) -> None:
    await create_topics(KafkaSettings(kafka_url=broker))
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(UNREAD, PARTITIONS, 1)])
    finally:
        await admin.close()


def _produced(port: int) -> int:
    """How many actions the broker has acknowledged, as the service counts them."""
    with urllib.request.urlopen(f"http://{HOST}:{port}/metrics", timeout=5) as answer:
        found = _PRODUCED.search(answer.read().decode())
    return int(float(found[1])) if found else 0


def _request(visitor: int) -> bytes:
    user = f"anon:{uuid.UUID(int=visitor)}"
    action = {
        "actionType": "PRODUCT_VIEWED",
        "userId": user,
        "sessionId": str(uuid.UUID(int=2 * visitor)),
        "timestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
        "productName": "Fluid milk",
        "productPrice": "2.99",
        "categoryId": 321,
    }
    body = orjson.dumps({"actions": [{**action, "productId": 100_000 + number} for number in range(ACTIONS)]})
    return request("POST", "/v1/actions", body=body).replace(b"tanawari-benchmark", BROWSER.encode())


def _wait_until_recorded(database: str, actions: int) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        while (connection.execute("select count(*) from view_history").fetchone() or (0,))[0] < actions:
            time.sleep(LOOK_SECONDS)


async def _post(port: int, database: str, seconds: float) -> float:
    requests = cycle([_request(visitor) for visitor in range(VISITORS)])
    before = await asyncio.to_thread(_produced, port)
    sample = await closed_loop(port, requests, seconds=seconds)
    produced = await asyncio.to_thread(_produced, port)
    rate = (produced - before) / sample.seconds
    tell(f"the collector: {rate:,.0f} actions/s")
    await asyncio.to_thread(_wait_until_recorded, database, produced)
    return rate


async def _sent(broker: str) -> list[Batch]:
    """Some of what the collector has sent, by visitor."""
    visitors: dict[bytes, Batch] = {}
    async with AIOKafkaConsumer(TOPIC, bootstrap_servers=broker, auto_offset_reset="earliest") as consumer:
        while fetched := await consumer.getmany(timeout_ms=1_000):
            for records in fetched.values():
                for record in records:
                    visitors.setdefault(record.key, []).append((record.key, record.value))
    return [batch[:ACTIONS] for batch in visitors.values()]


async def _produce(broker: str, batches: Sequence[Batch], seconds: float) -> float:
    todo = cycle(batches)
    acknowledged = 0
    started = time.perf_counter()
    async with AIOKafkaProducer(
        bootstrap_servers=broker, acks="all", compression_type="lz4", max_batch_size=BATCH_BYTES
    ) as producer:

        async def keep_sending() -> None:
            nonlocal acknowledged
            while time.perf_counter() < started + seconds:
                messages = next(todo)
                batch = producer.create_batch()
                for key, value in messages:
                    batch.append(timestamp=None, key=key, value=value)
                partition = partition_of(messages[0][0].decode(), PARTITIONS)
                await (await producer.send_batch(batch, UNREAD, partition=partition))
                acknowledged += len(messages)

        async with asyncio.TaskGroup() as group:
            for _ in range(CONNECTIONS):
                group.create_task(keep_sending())
    rate = acknowledged / (time.perf_counter() - started)
    tell(f"the producer: {rate:,.0f} actions/s")
    return rate


if __name__ == "__main__":
    run("collector", measure, __doc__)
