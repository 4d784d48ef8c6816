"""From the commit of a change to its event at a consumer, and how fast a full outbox is emptied.

The catalog as the stack starts it relays what this process commits into its outbox: snapshots of products, of some 500
bytes. For the latency 100 transactions a second, of one event each, come at random moments. The time counts from when
the commit has returned to when a consumer that asks without a pause has the record. `sent directly` is the share of
broker and consumer in that: the same events at the same pace, from handing them to a producer in this process.

For the rate one transaction commits 100,000 events of 20,000 products. It counts between the marks that the relay sets
once the broker has acknowledged an event, from the first tenth on, so that the start is no part of it; the best of
three. All of that on the embedded broker, and on Apache Kafka where the machine has what it needs.
"""

import asyncio
import os
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, LiteralString, NamedTuple

import numpy as np
import psycopg
import uvloop
from aiokafka import AIOKafkaConsumer

from benchmarks.brokers import brokers, started
from benchmarks.measure import ROUNDS
from benchmarks.report import Figure, Options, Skipped, at_least, at_most, run, tell
from services.common.messaging.outbox import append_events
from services.common.messaging.producer import Producer
from services.common.runtime.settings import ServiceSettings
from services.common.storage.database import Database
from services.common.storage.migrate import migrate
from services.contracts.envelope import Event
from services.contracts.events.catalog import ProductSnapshot
from services.contracts.kafka import KafkaSettings
from stack.databases import create_database
from stack.keys import Keyring
from stack.liveness import http_probe
from stack.parts.postgres import Postgres
from stack.parts.process import HOST, Process, free_port
from stack.state import BrokerKind
from stack.topics import create_topics

LATENCY: Final = at_most(100, "ms")
RATE: Final = at_least(5_000, "events/s")

TOPIC: Final = "catalog.v1"
PRODUCTS: Final = 20_000
BACKLOG, SMALL_BACKLOG = 100_000, 2_000
CHANGES, SMALL_CHANGES = 3_000, 50
CHANGES_PER_SECOND: Final = 100.0
STATEMENT: Final = 1_000
PATIENCE_SECONDS: Final = 60.0
FETCH_WAIT_MS: Final = 2
"""The longest wait of a fetch; the embedded broker sleeps half of it."""
LOOK_SECONDS: Final = 0.2

_RATE = """
select 0.9 * count(*)
    / extract(epoch from max(published_at) - percentile_disc(0.1) within group (order by published_at))
from outbox where id > %s
"""
_IS_LEFT = "select exists (select from outbox where published_at is null)"


class Catalog(NamedTuple):
    """A running catalog: its database and its broker, to change the one and to read the other."""

    database: str
    settings: ServiceSettings


def measure(options: Options) -> Iterator[Figure | Skipped]:
    """Latency and rate, on one broker after the other."""
    for kind in brokers():
        if isinstance(kind, Skipped):
            yield kind
        else:
            with _catalog(kind, small=options.small) as catalog:
                yield from _measure(kind, catalog, options)


def _measure(kind: BrokerKind, catalog: Catalog, options: Options) -> Iterator[Figure]:
    changes, backlog = (SMALL_CHANGES, SMALL_BACKLOG) if options.small else (CHANGES, BACKLOG)
    committed = uvloop.run(_latencies(catalog, changes, _committing))
    direct = uvloop.run(_latencies(catalog, changes, _sending))
    rates = [uvloop.run(_rate(catalog, backlog)) for _ in range(1 if options.small else ROUNDS)]
    yield Figure(f"p99, {kind} broker", _milliseconds(committed, 99), "ms", LATENCY)
    yield Figure(f"median, {kind} broker", _milliseconds(committed, 50), "ms")
    yield Figure(f"sent directly, p99, {kind} broker", _milliseconds(direct, 99), "ms")
    yield Figure(f"sent directly, median, {kind} broker", _milliseconds(direct, 50), "ms")
    yield Figure.chosen(f"emptied, {kind} broker", "events/s", RATE, rates, by=max)


@contextmanager
def _catalog(kind: BrokerKind, *, small: bool) -> Iterator[Catalog]:
    with (
        tempfile.TemporaryDirectory(prefix="tanawari-relay-") as name,
        Postgres(Path(name) / "postgres", password="benchmark") as postgres,  # noqa: S106 - a server of ours, for now
        started(kind, Path(name) / "broker", small=small) as broker,
    ):
        database = create_database(postgres.url(), "catalog", "benchmark")
        migrate("catalog", database)
        asyncio.run(create_topics(KafkaSettings(kafka_url=broker.url)))
        keys = Keyring(Path(name) / "keys").ensure()
        port, is_idempotent = free_port(), kind is BrokerKind.APACHE
        command = [
            *(sys.executable, "-m", "services.common.web.server", "services.catalog.app:create_app"),
            *("--port", str(port)),
        ]
        environment = {
            **os.environ,
            "CATALOG_DATABASE_URL": database,
            "KAFKA_URL": broker.url,
            "KAFKA_IDEMPOTENCE": str(is_idempotent).lower(),
            "AUTH_ISSUER": keys.issuer,
            "AUTH_JWKS_URL": keys.published.as_uri(),
        }
        is_ready = http_probe(f"http://{HOST}:{port}/health/ready", 1)
        with Process("catalog", command, Path(name) / "catalog.log", environment=environment, is_ready=is_ready):
            settings = ServiceSettings(service="benchmark", kafka_url=broker.url, kafka_idempotence=is_idempotent)
            yield Catalog(database, settings)


def _change(number: int) -> Event:
    snapshot = ProductSnapshot(
        product_id=1 + number % PRODUCTS,
        sku=f"SKU-{number % PRODUCTS:08}",
        name="Fluid milk, half pint",
        description="Pasteurised milk of grass-fed cows, in a carton that needs no plastic.",
        brand="Meadow",
        price=Decimal(299),
        image="https://images.example/milk/half-pint.jpg",
        stock=number,
        category_ids=(321, 322),
        product_version=number,
        stock_version=number,
    )
    return Event.of("PRODUCT_UPDATED", snapshot, producer="catalog")


Publish = Callable[[Event], Awaitable[float]]
"""Publishes an event; returns the time from which its latency counts."""


@asynccontextmanager
async def _committing(catalog: Catalog) -> AsyncIterator[Publish]:
    database = Database(catalog.database)

    async def commit(event: Event) -> float:
        async with database.sessions.begin() as session:
            await append_events(session, [event])
        return time.perf_counter()

    try:
        yield commit
    finally:
        await database.close()


@asynccontextmanager
async def _sending(catalog: Catalog) -> AsyncIterator[Publish]:
    producer = Producer(catalog.settings)

    async def send(event: Event) -> float:
        handed_at = time.perf_counter()
        await producer.send(TOPIC, str(event.data["productId"]), event.to_bytes())
        return handed_at

    try:
        yield send
    finally:
        await producer.close()


async def _latencies(
    catalog: Catalog, changes: int, publishing: Callable[[Catalog], AbstractAsyncContextManager[Publish]]
) -> list[float]:
    """The seconds from the publication of each event to its arrival, the first tenth left out."""
    arrivals: dict[bytes, float] = {}
    begun: dict[bytes, float] = {}
    chance = random.Random(1)  # noqa: S311 - draws, no secrets
    async with publishing(catalog) as publish, _reading(catalog, arrivals), asyncio.timeout(PATIENCE_SECONDS):

        async def publish_one(number: int) -> None:
            event = _change(number)
            begun[event.to_bytes()] = await publish(event)

        due_at = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(changes):
                due_at += chance.expovariate(CHANGES_PER_SECOND)
                await asyncio.sleep(due_at - time.perf_counter())
                group.create_task(publish_one(number))
        while not begun.keys() <= arrivals.keys():  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(LOOK_SECONDS)
    return [arrivals[value] - at for value, at in begun.items()][changes // 10 :]


@asynccontextmanager
async def _reading(catalog: Catalog, arrivals: dict[bytes, float]) -> AsyncIterator[None]:
    """Meanwhile notes when each record is here."""
    arguments = {"bootstrap_servers": catalog.settings.kafka_url, "fetch_max_wait_ms": FETCH_WAIT_MS}

    async def read(consumer: AIOKafkaConsumer) -> None:
        async for record in consumer:
            arrivals[record.value] = time.perf_counter()

    async with AIOKafkaConsumer(TOPIC, auto_offset_reset="earliest", **arguments) as consumer:
        reading = asyncio.create_task(read(consumer))
        try:
            yield
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


async def _rate(catalog: Catalog, backlog: int) -> float:
    """The events a second at which a backlog leaves the outbox."""
    database = Database(catalog.database)
    async with await psycopg.AsyncConnection.connect(catalog.database, autocommit=True) as connection:
        (before,) = await _row(connection, "select coalesce(max(id), 0) from outbox")
        async with database.sessions.begin() as session:
            for first in range(0, backlog, STATEMENT):
                await append_events(session, map(_change, range(first, first + STATEMENT)))
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (await _row(connection, _IS_LEFT))[0]:  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(LOOK_SECONDS)
        (rate,) = await _row(connection, _RATE, before)
    await database.close()
    tell(f"emptied at {rate:,.0f} events/s")
    return float(rate)


async def _row(connection: psycopg.AsyncConnection, statement: LiteralString, *values: int) -> tuple[Any, ...]:
    return await (await connection.execute(statement, values)).fetchone() or (None,)


def _milliseconds(seconds: list[float], percentile: float) -> float:
    return float(np.percentile(seconds, percentile, method="higher")) * 1000


if __name__ == "__main__":
    run("relay", measure, __doc__)
