"""Actions a second that the collector acknowledges, by batches of a hundred over HTTP, without a pause.

The analytics service as the stack starts it: one uvicorn worker on a real database, which also consumes its own topic
into its tables meanwhile. Sixteen connections post batches, each of one visitor's product views; an answer comes once
the broker has acknowledged the batch. Actions are taken faster than they are recorded, so from its second second on
the service has a backlog to work off, and no moment is counted in which it has none; `recorded` is what came into its
tables in the same time. Each run begins with a new broker, service and database.

The reference is a producer that only sends the same bytes to such a broker, with the same acknowledgement and
compression, on the same kind of event loop as the service: the messages that the collector made, a hundred of one
visitor at a time, sixteen at once, to a topic that nobody reads. The two take turns; the best of each counts. All of
that on the embedded broker, and on Apache Kafka where the machine has what it needs.
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
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from typing import Final, NamedTuple

import orjson
import psycopg
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from benchmarks.actions import PARTITIONS, TOPIC
from benchmarks.brokers import brokers, started
from benchmarks.load import CONNECTIONS, closed_loop, request
from benchmarks.measure import ROUNDS, in_turns
from benchmarks.report import Figure, Options, Skipped, at_least, run, tell
from services.common.messaging.connection import BATCH_BYTES
from services.common.messaging.producer import partition_of
from services.common.storage.migrate import migrate
from services.contracts.kafka import COMPRESSION, KafkaSettings
from services.contracts.signing import Signer
from stack.databases import create_database
from stack.keys import Keyring
from stack.parts.broker import Broker
from stack.parts.kafka import Kafka
from stack.parts.postgres import Postgres
from stack.parts.process import HOST, Process, free_port
from stack.state import BrokerKind
from stack.topics import create_topics

RATES: Final = {BrokerKind.EMBEDDED: at_least(0.30), BrokerKind.APACHE: at_least(0.30)}

ACTIONS: Final = 100
PAUSE_SECONDS: Final = 2.0
"""Between the views of a batch, so that each is a person's."""
VISITORS: Final = 500
WARM_UP_SECONDS: Final = 2.0
SECONDS, SMALL_SECONDS = 15.0, 0.5
UNREAD: Final = "benchmark"
BROWSER: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
_PRODUCED = re.compile(rf'^tanawari_events_produced_total{{topic="{TOPIC}"}} (\S+)$', re.MULTILINE)

Batch = list[tuple[bytes, bytes]]
"""Keys and values of one visitor's messages."""


class Collected(NamedTuple):
    """Actions a second that were acknowledged, and that came into the tables meanwhile."""

    taken: float
    recorded: float


def measure(options: Options) -> Iterator[Figure | Skipped]:
    """The rate of acknowledged actions, on one broker after the other."""
    for kind in brokers():
        if isinstance(kind, Skipped):
            yield kind
        else:
            yield from _measure(kind, small=options.small)


def _measure(kind: BrokerKind, *, small: bool) -> Iterator[Figure]:
    seconds, rounds = (SMALL_SECONDS, 1) if small else (SECONDS, ROUNDS)

    def new_broker() -> Broker | Kafka:
        return started(kind, _new(directory, "broker"), small=small)

    with _postgres() as (directory, postgres):
        keys = Keyring(directory / "keys").ensure()
        with _collector(new_broker(), directory, postgres, keys) as (port, broker, database):
            _collect(port, database, 1.0, keys)
            batches = uvloop.run(_sent(broker))

        def collect() -> Collected:
            with _collector(new_broker(), directory, postgres, keys) as (port, _, database):
                _collect(port, database, min(WARM_UP_SECONDS, seconds), keys)
                return _collect(port, database, seconds, keys)

        def only_produce() -> float:
            with new_broker() as broker:
                asyncio.run(_create_topics(broker.url))
                return uvloop.run(_produce(broker.url, batches, seconds))

        ours, theirs = in_turns(collect, only_produce, rounds=rounds)
    taken, recorded = zip(*ours, strict=True)
    yield Figure.chosen(f"actions, {kind} broker", "actions/s", RATES[kind], taken, theirs, by=max)
    yield Figure.chosen(f"recorded, {kind} broker", "actions/s", None, recorded, by=max)


@contextmanager
def _postgres() -> Iterator[tuple[Path, Postgres]]:
    with (
        tempfile.TemporaryDirectory(prefix="tanawari-collector-") as name,
        Postgres(Path(name) / "postgres", password="benchmark") as postgres,  # noqa: S106 - a server of ours, for now
    ):
        yield Path(name), postgres


@contextmanager
def _collector(
    new: Broker | Kafka, directory: Path, postgres: Postgres, keys: Keyring
) -> Iterator[tuple[int, str, str]]:
    """A new analytics service and database, and the new broker; its port, and the addresses of both."""
    with new as broker:
        database = create_database(postgres.url(), f"analytics_{uuid.uuid4().hex[:8]}", "benchmark")
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
            "KAFKA_IDEMPOTENCE": str(isinstance(broker, Kafka)).lower(),
            "AUTH_ISSUER": keys.issuer,
            "AUTH_JWKS_URL": keys.published.as_uri(),
        }
        log = directory / "analytics.log"
        with Process("analytics", command, log, environment=environment, is_ready=lambda: _produced(port) == 0):
            yield port, broker.url, database


def _new(directory: Path, name: str) -> Path:
    return Path(tempfile.mkdtemp(prefix=name, dir=directory))


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


def _request(visitor: int, signer: Signer) -> bytes:
    user = f"anon:{uuid.UUID(int=visitor)}"
    action = {
        "actionType": "PRODUCT_VIEWED",
        "userId": user,
        "sessionId": str(uuid.UUID(int=2 * visitor)),
        "productName": "Fluid milk",
        "productPrice": "2.99",
        "categoryId": 321,
    }
    now = datetime.now(UTC)
    times = [now - timedelta(seconds=PAUSE_SECONDS * number) for number in reversed(range(ACTIONS))]
    views = [
        {**action, "productId": 100_000 + number, "timestamp": f"{at:%Y-%m-%dT%H:%M:%S.%fZ}"}
        for number, at in enumerate(times)
    ]
    body = orjson.dumps({"actions": views, "consent": True})
    token = signer.visitor_token(user)
    return request("POST", "/v1/actions", token=token, body=body).replace(b"tanawari-benchmark", BROWSER.encode())


def _recorded(database: str) -> int:
    with psycopg.connect(database) as connection:
        (count,) = connection.execute("select count(*) from view_history").fetchone() or (0,)
        return int(count)


def _collect(port: int, database: str, seconds: float, keys: Keyring) -> Collected:
    signer = keys.signer("gateway")
    requests = cycle([_request(visitor, signer) for visitor in range(VISITORS)])
    before = Collected(_produced(port), _recorded(database))
    sample = uvloop.run(closed_loop(port, requests, seconds=seconds))
    after = Collected(_produced(port), _recorded(database))
    rates = Collected(*((later - sooner) / sample.seconds for sooner, later in zip(before, after, strict=True)))
    tell(f"the collector: {rates.taken:,.0f} actions/s, {rates.recorded:,.0f} recorded")
    return rates


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
        bootstrap_servers=broker, acks="all", compression_type=COMPRESSION, max_batch_size=BATCH_BYTES
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
