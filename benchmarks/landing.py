"""Events a second that one landing process brings from the topic into the warehouse, and the memory it takes.

`python -m warehouse.landing` works off a backlog of a million actions of 408 bytes, one in a thousand of them broken
and kept as a dead letter; rows, dead letters and offsets are committed together. The rate is counted between commits,
from the first that is seen on, so that starting the process is no part of it.

The reference is the least that the warehouse must do for the same rows, in transactions of the same size, into the same
table with the same indexes of another new database on the same server: COPY of ready text into a temporary table, and
INSERT … ON CONFLICT. The two take turns; the best of each counts. All of that from the embedded broker, and from Apache
Kafka where the machine has what it needs.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import psycopg
from aiokafka import ConsumerRecord

from benchmarks.actions import TOPIC, produce, views
from benchmarks.brokers import brokers, started
from benchmarks.measure import in_turns, peak_resident_mb
from benchmarks.report import Figure, Options, Skipped, at_least, at_most, run, tell
from services.contracts.kafka import KafkaSettings
from services.contracts.registry import ContractError
from stack.databases import Warehouse, create_warehouse
from stack.parts.postgres import Postgres
from stack.parts.process import Process
from stack.programs import WAREHOUSE_ROLES
from stack.state import BrokerKind
from stack.topics import create_topics
from warehouse.decode import Row, decode
from warehouse.migrate import migrate
from warehouse.writer import BATCH_RECORDS

RATE: Final = at_least(0.60)
MEMORY: Final = at_most(230, "MB")

BACKLOG: Final = 1_000_000
EVENTS: Final = 300_000
SMALL: Final = 30_000
MALFORMED_EVERY: Final = 1_000
LOOK_SECONDS: Final = 0.01

_STAGED = """
create temporary table staged (
    event_id uuid, event_type text, schema_version int, occurred_at timestamptz, producer text, key text,
    data jsonb, topic text, kafka_partition int, kafka_offset bigint, traceparent text, unknown_fields jsonb
) on commit delete rows
"""
_COPY = "copy staged from stdin"
_INSERT = f"""
insert into raw.user_actions_v1 ({", ".join(Row._fields)}, lane, number)
select *, kafka_partition, kafka_offset from staged on conflict (event_id) do nothing
"""  # noqa: S608 - the names of our own columns
_CONSUMED = "select coalesce(sum(consumed), 0)::bigint from landing.partitions"


class Landed(NamedTuple):
    """One run of the landing: events a second, and MB at the most."""

    rate: float
    peak_mb: float


class Warehouses:
    """Makes new migrated warehouses on one server, by copying the first."""

    def __init__(self, server: Postgres) -> None:
        self._admin = server.url()
        self._made = 0
        migrate(self.new(template="template1").owner)

    def new(self, template: str = "warehouse_1") -> Warehouse:
        """The next one."""
        self._made += 1
        passwords = dict.fromkeys(WAREHOUSE_ROLES.values(), "benchmark")
        return create_warehouse(self._admin, passwords, name=f"warehouse_{self._made}", template=template)


def measure(options: Options) -> Iterator[Figure | Skipped]:
    """Rate and memory, from one broker after the other."""
    for kind in brokers():
        if isinstance(kind, Skipped):
            yield kind
        else:
            yield from _measure(kind, options)


def _measure(kind: BrokerKind, options: Options) -> Iterator[Figure]:
    backlog, events = (SMALL, SMALL // 2) if options.small else (BACKLOG, EVENTS)
    with _servers(kind, small=options.small) as (directory, warehouses, broker):
        tell(f"producing {backlog:,} actions to the {kind} broker")
        asyncio.run(_produce(broker, backlog))
        batches = list(_copied(events))
        rounds, ceilings = in_turns(
            lambda: _land(directory, warehouses.new(), broker, events),
            lambda: _ceiling(warehouses.new(), batches, events),
            rounds=1 if options.small else 3,
        )
        tell(f"landing {backlog:,} actions")
        whole = _land(directory, warehouses.new(), broker, backlog)
    rates, peaks = [landed.rate for landed in rounds], [landed.peak_mb for landed in (*rounds, whole)]
    yield Figure.chosen(f"events, {kind} broker", "events/s", RATE, rates, ceilings, by=max)
    yield Figure.chosen(f"peak memory, {kind} broker", "MB", MEMORY, peaks, by=max)


@contextmanager
def _servers(kind: BrokerKind, *, small: bool) -> Iterator[tuple[Path, Warehouses, str]]:
    with (
        tempfile.TemporaryDirectory(prefix="tanawari-landing-") as name,
        Postgres(Path(name) / "postgres", password="benchmark") as postgres,  # noqa: S106 - a server of ours, for now
        started(kind, Path(name) / "broker", small=small) as broker,
    ):
        Path(name).chmod(0o755)  # the server's user must reach its data
        yield Path(name), Warehouses(postgres), broker.url


async def _produce(broker: str, count: int) -> None:
    await create_topics(KafkaSettings(kafka_url=broker))
    await produce(broker, views(count, malformed_every=MALFORMED_EVERY))


def _land(directory: Path, warehouse: Warehouse, broker: str, events: int) -> Landed:
    environment = {**os.environ, "KAFKA_URL": broker, "WAREHOUSE_LOADER_URL": warehouse.loader}
    command = [sys.executable, "-m", "warehouse.landing", "--until-caught-up"]
    process = Process("landing", command, directory / "landing.log", environment=environment)
    with process, psycopg.connect(warehouse.owner, autocommit=True) as connection:
        first, started = _when_more(connection, process, 0)
        consumed, peak = first, 0.0
        while consumed < events:
            assert process.pid is not None
            peak = peak_resident_mb(process.pid)
            consumed, ended = _when_more(connection, process, consumed)
    tell(f"landed {(consumed - first) / (ended - started):,.0f} events/s, at most {peak:.0f} MB")
    return Landed((consumed - first) / (ended - started), peak)


def _when_more(connection: psycopg.Connection, process: Process, than: int) -> tuple[int, float]:
    """Wait until more events than that have been committed; how many, and when."""
    while True:
        has_ended = process.exit_code is not None
        (consumed,) = connection.execute(_CONSUMED).fetchone() or (0,)
        if consumed > than:
            return int(consumed), time.perf_counter()
        if has_ended:
            raise RuntimeError(f"the landing has ended: {process.last_words()}")
        time.sleep(LOOK_SECONDS)


def _copied(events: int) -> Iterator[bytes]:
    """The rows of so many events as the text that COPY reads, a batch each."""
    offsets: dict[int, int] = {}
    lines: list[bytes] = []
    for partition, key, value in views(events, malformed_every=MALFORMED_EVERY):
        offsets[partition] = offset = offsets.get(partition, -1) + 1
        try:
            row = decode(ConsumerRecord(TOPIC, partition, offset, 0, 0, key.encode(), value, None, 0, 0, ()))
        except ContractError:
            continue
        lines.append("\t".join(r"\N" if value is None else str(value) for value in row).encode())
        if len(lines) == BATCH_RECORDS:
            yield b"\n".join((*lines, b""))
            lines.clear()
    yield b"\n".join((*lines, b""))


def _ceiling(warehouse: Warehouse, batches: list[bytes], events: int) -> float:
    with psycopg.connect(warehouse.loader, autocommit=True) as connection:
        connection.execute(_STAGED)
        started = time.perf_counter()
        for batch in batches:
            with connection.transaction():
                with connection.cursor().copy(_COPY) as copy:
                    copy.write(batch)
                connection.execute(_INSERT)
        rate = events / (time.perf_counter() - started)
    tell(f"the ceiling: {rate:,.0f} events/s")
    return rate


if __name__ == "__main__":
    run("landing", measure, __doc__)
