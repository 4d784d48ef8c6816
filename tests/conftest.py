"""Real parts for every test: Postgres, Kafka-protocol brokers, Valkey, a migrated warehouse and signing keys.

Use the smallest that does: `database` gives a fresh database in some 50 ms, `warehouse` a fresh migrated one alike,
`broker` an empty embedded broker per module in some 20 ms, `kafka` an empty Apache Kafka, which costs some 4 s once a
run. Nothing here is a fake, and nothing outlives the test run.
"""

import asyncio
import gc
import os
import shutil
import subprocess
import uuid
import warnings
from collections import deque
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import groupby
from pathlib import Path
from types import ModuleType

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from services.contracts.kafka import KafkaSettings
from services.contracts.topics import TOPICS
from stack.databases import Warehouse, create_database, create_warehouse, revoke_public_access
from stack.parts.broker import Broker
from stack.parts.kafka import JARS as KAFKA_JARS
from stack.parts.kafka import Kafka
from stack.parts.opensearch import JARS as OPENSEARCH_JARS
from stack.parts.opensearch import OpenSearch
from stack.parts.postgres import Postgres
from stack.parts.process import Process
from stack.parts.valkey import Valkey
from stack.programs import WAREHOUSE_ROLES
from stack.state import State
from stack.topics import create_topics
from tests.certificates import Authority
from tests.machine import require
from tests.tokens import Tokens
from warehouse.migrate import migrate

TESTS = Path(__file__).parent
ROOT = TESTS.parent
settings.register_profile("unhurried", deadline=None)  # how long an example takes says how busy the machine is
settings.load_profile("unhurried")
SERVERS = {"postgres_server", "kafka_server", "embedded_broker", "any_broker", "fresh_broker", "valkey", "run_dbt"}
"""Fixtures that start servers, or dbt; who uses one, by whatever way, is not in `make check`."""
TRIED_OFTEN = ("faults", "repeated")
WAREHOUSE_PASSWORDS = dict.fromkeys(WAREHOUSE_ROLES.values(), "password")
UNSAFE_BUT_FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",  # it would go through the hundreds of databases of a run, again and again
}


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what uses servers, and all of a file that starts processes, so that nobody has to remember it.

    Their files come first, so that at the end no worker waits for another's long one.
    """
    for item in items:
        assert isinstance(item, pytest.Function)
        if (
            any(map(item.get_closest_marker, TRIED_OFTEN))
            or SERVERS & set(item.fixturenames)
            or starts_processes(item.module)
        ):
            item.add_marker("slow")
    slow = {scope_of(item.path) for item in items if item.get_closest_marker("slow")}
    places = {scope: place for place, scope in enumerate(spread(slow))}
    items.sort(key=lambda item: places.get(scope_of(item.path), len(places)))


@cache
def scope_of(path: Path) -> Path:
    """What one worker runs: a file, or all that share a package's fixtures, which no other worker makes again."""
    return path.parent if (path.parent / "__init__.py").exists() else path


def spread(scopes: Collection[Path]) -> list[Path]:
    """The order of what takes long: the files of each directory are spread over the whole run.

    Whole shops and dbt keep the processors busy, and services mostly wait: so there are both at any time. Of several
    shops at once each is slower.
    """
    areas = [list(area) for _, area in groupby(sorted(scopes), lambda scope: scope.relative_to(TESTS).parts[0])]
    places = {scope: (place + 0.5) / len(area) for area in areas for place, scope in enumerate(area)}
    return sorted(places, key=places.__getitem__)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[object]:
    """Spare the garbage collector what is imported: its scans were a fifth of collecting and a sixth of the tests."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)
        gc.enable()


class PackageScheduling(LoadFileScheduling):
    """Gives a worker what belongs together."""

    def _split_scope(self, nodeid: str) -> str:
        return str(scope_of(ROOT / super()._split_scope(nodeid)))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> PackageScheduling:
    """How xdist distributes the tests, whatever `--dist` says."""
    return PackageScheduling(config, log)


@cache
def starts_processes(module: ModuleType) -> bool:
    """Whether a file of tests has imported what starts processes."""
    return any(
        each is subprocess or (isinstance(each, type) and issubclass(each, Process)) for each in vars(module).values()
    )


@pytest.fixture(scope="session", autouse=True)
def one_authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let clients trust one authority, child processes too: each would read the machine's 140, which takes 30 ms.

    No test asks the internet.
    """
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SSL_CERT_FILE", str(Authority(tmp_path_factory.mktemp("authority")).file))
        yield


@pytest.fixture(scope="session", autouse=True)
def few_keys() -> Iterator[Callable[..., RSAPrivateKey]]:
    """Draw RSA keys from 32 that are made when they are first asked for: one takes up to a tenth of a second.

    Gives the function that makes a new one, for keys that live longer than 32 draws: they must not be drawn again.
    """
    made, generate = deque[RSAPrivateKey](), rsa.generate_private_key

    def draw(public_exponent: int, key_size: int) -> RSAPrivateKey:
        if len(made) < 32:
            made.append(generate(public_exponent, key_size))
        made.rotate()
        return made[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rsa, "generate_private_key", draw)
        yield generate


@pytest.fixture(scope="session")
def rounds() -> Callable[..., int]:
    """How often a fault is repeated: `rounds(20)` is 20 in `make test-faults` and 1 elsewhere.

    `rounds(200_000, 20_000)` scales a size alike.
    """

    def choose(full: int, few: int = 1) -> int:
        return full if os.environ.get("TANAWARI_FAULTS") == "full" else few

    return choose


@pytest.fixture
def state(tmp_path: Path) -> State:
    """A fresh state directory."""
    return State(tmp_path / "state")


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """One Postgres 18 for the whole run; `.url()` is the superuser's. Prefer `database`."""
    directory = tmp_path_factory.mktemp("postgres") / "data"
    with Postgres(directory, password="superuser", settings=UNSAFE_BUT_FAST) as server:
        revoke_public_access(server.url())
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
        return in_thread(create_topics(self.settings, names or tuple(TOPICS)))

    @property
    def settings(self) -> KafkaSettings:
        """How a client connects."""
        return KafkaSettings(kafka_url=self.url)


class TestBroker(Topics, Broker):
    """The embedded broker."""

    is_idempotent = False


class TestKafka(Topics, Kafka):
    """Apache Kafka; `kill` and `start` are its kill -9 and its return."""

    is_idempotent = True

    def empty(self) -> None:
        """Remove all topics, and with them what groups committed on them; start it where a test left it stopped."""
        if self.pid is None:
            self.start()
        in_thread(_delete_topics(self.url))


async def _delete_topics(url: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=url)
    await admin.start()
    try:
        while topics := [name for name in await admin.list_topics() if not name.startswith("__")]:
            await admin.delete_topics(topics)
    finally:
        await admin.close()


@pytest.fixture(scope="module")
def embedded_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestBroker]:
    """An empty embedded broker for this module."""
    with TestBroker(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture(scope="module")
def broker(embedded_broker: TestBroker) -> TestBroker:
    """An empty broker for this module: `broker.url` is `host:port`; call `broker.create_topics()` before producing.

    A suite that holds on both brokers has a `broker` of its own, which is `any_broker` or `fresh_broker`.
    """
    return embedded_broker


@pytest.fixture(scope="session")
def kafka_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestKafka]:
    """One Apache Kafka for the whole run. Prefer `kafka`."""
    if reason := KAFKA_JARS.missing():
        require(reason)
    with TestKafka(tmp_path_factory.mktemp("kafka"), starts_fast=True) as running:
        yield running


@pytest.fixture(scope="module")
def kafka(kafka_server: TestKafka) -> TestKafka:
    """Apache Kafka, empty for this module; it can be killed and started again."""
    kafka_server.empty()
    return kafka_server


@pytest.fixture(scope="module", params=["embedded", "apache"])
def any_broker(request: pytest.FixtureRequest) -> TestBroker | TestKafka:
    """Both, one after the other: for suites that hold on either. `is_idempotent` tells what its producers may be."""
    return request.getfixturevalue({"embedded": "embedded_broker", "apache": "kafka"}[request.param])


@pytest.fixture(params=["embedded", "apache"])
def fresh_broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TestBroker | TestKafka]:
    """Both likewise, with every topic and nothing in them, for one test that may stop and start them."""
    if request.param == "apache":
        kafka = request.getfixturevalue("kafka_server")
        kafka.empty()
        kafka.create_topics()
        yield kafka
    else:
        with TestBroker(tmp_path / "broker") as broker:
            broker.create_topics()
            yield broker


@pytest.fixture(scope="session")
def opensearch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSearch]:
    """A real OpenSearch: `opensearch.url`. Shared by the run, so use an index of your own."""
    if reason := OPENSEARCH_JARS.missing():
        require(reason)
    with OpenSearch(tmp_path_factory.mktemp("opensearch")) as node:
        yield node


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A real Valkey: `valkey.url` is `redis://…`. Shared by the run, so use keys of your own."""
    with Valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture(scope="session")
def warehouse_template(postgres_server: Postgres) -> str:
    """The name of a database that `warehouse.migrate` has made a warehouse, to be copied."""
    name = f"warehouse_template_{uuid.uuid4().hex[:8]}"
    migrate(create_warehouse(postgres_server.url(), WAREHOUSE_PASSWORDS, name=name).owner)
    return name


@pytest.fixture(scope="session")
def new_warehouse(postgres_server: Postgres, warehouse_template: str) -> Callable[[], Warehouse]:
    """A factory of fresh migrated warehouses."""

    def create() -> Warehouse:
        name = f"warehouse_{uuid.uuid4().hex[:8]}"
        return create_warehouse(postgres_server.url(), WAREHOUSE_PASSWORDS, name=name, template=warehouse_template)

    return create


@pytest.fixture
def warehouse(new_warehouse: Callable[[], Warehouse]) -> Warehouse:
    """A fresh migrated warehouse: its `.environment`, and a URL a role, such as `.owner` and `.serving`."""
    return new_warehouse()


@pytest.fixture(scope="session")
def mlflow_store(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], str]:
    """Makes MLflow's store in a directory; its URL. A copy, for MLflow takes seconds to migrate a new one."""
    template = tmp_path_factory.mktemp("mlflow") / "mlflow.db"

    def create(directory: Path) -> str:
        if not template.exists():
            from mlflow import MlflowClient  # noqa: PLC0415 - importing MLflow takes seconds

            with warnings.catch_warnings(action="ignore"):  # of MLflow's own mappers
                MlflowClient(f"sqlite:///{template}").search_experiments()
        return f"sqlite:///{shutil.copy(template, directory)}"

    return create


@pytest.fixture(scope="session")
def tokens(tmp_path_factory: pytest.TempPathFactory, few_keys: Callable[..., RSAPrivateKey]) -> Tokens:
    """The keys of a deployment: `.settings`, `.environment`, `.user("u1")`, `.service("importer", "catalog")`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rsa, "generate_private_key", few_keys)
        return Tokens(tmp_path_factory.mktemp("keys"))


def in_thread(coroutine):
    """Run a coroutine to its end, also where this thread's event loop is busy."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()
