"""Real parts for every test: Postgres, Kafka-protocol brokers, Valkey, a migrated warehouse and signing keys.

Use the smallest that does: `database` gives a fresh database in some 50 ms, `warehouse` a fresh migrated one alike,
`broker` an empty embedded broker per module in some 20 ms, `kafka` an empty Apache Kafka in some 4 s. Nothing here is a
fake, and nothing outlives the test run.
"""

import asyncio
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from services.contracts.topics import TOPICS
from stack.databases import WAREHOUSE_ROLES, Warehouse, close_doors, create_database, create_warehouse
from stack.keys import SigningKeys, create_signing_keys
from stack.parts import kafka_jars
from stack.parts.broker import Broker
from stack.parts.kafka import Kafka
from stack.parts.postgres import Postgres
from stack.parts.valkey import Valkey
from stack.topics import create_topics
from tests.machine import require

ROOT = Path(__file__).parents[1]
UNSAFE_BUT_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@pytest.fixture(scope="session")
def rounds() -> Callable[..., int]:
    """How often a fault is repeated: `rounds(20)` is 20 in `make test-faults` and 1 in `make test`.

    `rounds(200_000, 20_000)` scales a size alike.
    """

    def choose(full: int, few: int = 1) -> int:
        return full if os.environ.get("TANAWARI_FAULTS") == "full" else few

    return choose


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """One Postgres 18 for the whole run; `.url()` is the superuser's. Prefer `database`."""
    directory = tmp_path_factory.mktemp("postgres") / "data"
    with Postgres(directory, password="superuser", settings=UNSAFE_BUT_FAST) as server:
        close_doors(server.url())
        yield server


@pytest.fixture(scope="session")
def database(postgres_server: Postgres) -> Callable[..., str]:
    """Makes fresh, empty databases with a role each, when called; what it returns is a plain `postgresql://…` URL."""

    def create(prefix: str = "test") -> str:
        return create_database(postgres_server.url(), f"{prefix}_{uuid.uuid4().hex[:8]}", "password")

    return create


class Topics:
    """Of a broker whose topics a test makes."""

    __test__ = False
    url: str

    def create_topics(self, *names: str) -> list[str]:
        """Create topics as `services.contracts.topics` has them, all or those named; from async tests as well."""
        return in_thread(create_topics(self.url, names or tuple(TOPICS)))


class TestBroker(Topics, Broker):
    """The embedded broker."""

    is_idempotent = False


class TestKafka(Topics, Kafka):
    """Apache Kafka; `kill` and `start` are its kill -9 and its return."""

    is_idempotent = True


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestBroker]:
    """An empty broker for this module: `broker.url` is `host:port`; call `broker.create_topics()` before producing."""
    with TestBroker(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestKafka]:
    """The same with Apache Kafka, which can be killed and started again."""
    if reason := kafka_jars.missing():
        require(reason)
    with TestKafka(tmp_path_factory.mktemp("kafka"), starts_fast=True) as running:
        yield running


@pytest.fixture(scope="module", params=["embedded", "apache"])
def any_broker(request: pytest.FixtureRequest) -> TestBroker | TestKafka:
    """Both, one after the other: for suites that hold on either. `is_idempotent` tells what its producers may be."""
    return request.getfixturevalue({"embedded": "broker", "apache": "kafka"}[request.param])


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A real Valkey: `valkey.url` is `redis://…`. Shared by the run, so use keys of your own."""
    with Valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture(scope="session")
def new_warehouse(postgres_server: Postgres) -> Callable[[], Warehouse]:
    """A factory of fresh migrated warehouses, copied from one that `warehouse.migrate` made."""
    passwords = dict.fromkeys(WAREHOUSE_ROLES.values(), "password")
    template = f"warehouse_template_{uuid.uuid4().hex[:8]}"
    migrated = create_warehouse(postgres_server.url(), passwords, name=template)
    subprocess.run(
        [sys.executable, "-m", "warehouse.migrate"], check=True, cwd=ROOT, env={**os.environ, **migrated.environment}
    )

    def create() -> Warehouse:
        name = f"warehouse_{uuid.uuid4().hex[:8]}"
        return create_warehouse(postgres_server.url(), passwords, name=name, template=template)

    return create


@pytest.fixture
def warehouse(new_warehouse: Callable[[], Warehouse]) -> Warehouse:
    """A fresh migrated warehouse: `.owner`, `.loader`, `.dbt`, `.analyst`, `.pipelines` URLs, and `.environment`."""
    return new_warehouse()


@pytest.fixture(scope="session")
def signing_keys(tmp_path_factory: pytest.TempPathFactory) -> SigningKeys:
    """The development key: `.environment` (AUTH_*), `.token("user-1")`, `.token("importer", use="service")`."""
    return create_signing_keys(tmp_path_factory.mktemp("keys"))


def in_thread(coroutine):
    """Run a coroutine to its end, also where this thread's event loop is busy."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()
