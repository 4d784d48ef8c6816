"""Fresh warehouses, and dbt to build on them."""

import hashlib
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from pipelines import dbt
from stack.databases import Warehouse, create_warehouse
from stack.parts.postgres import Postgres
from tests.conftest import WAREHOUSE_PASSWORDS
from tests.dbt.quick import leave_out_what_nobody_sees
from tests.dbt.shop import SOLD, Shop, shuffled_history

PROJECT = Path(__file__).parents[2] / "dbt"
Shops = Callable[[str], AbstractContextManager[Shop]]
"""Makes a shop on a copy of the named database, which is dropped at the end of the block."""


def variables(warehouse: Warehouse | None = None) -> dict[str, str]:
    """What dbt reads from the environment, for one of the shop's warehouses or none."""
    nowhere = "postgresql://tanawari_dbt@127.0.0.1:1/none"
    return {
        "TANAWARI_TIMEZONE": "America/New_York",
        "TANAWARI_PSEUDO_PRODUCTS": "grocer",
        "DO_NOT_TRACK": "1",
        "WAREHOUSE_DBT_URL": warehouse.dbt if warehouse else nowhere,
    }


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One target directory for the run: dbt parses the project once."""
    return tmp_path_factory.mktemp("dbt")


@pytest.fixture(scope="session")
def run_dbt(target: Path) -> Iterator[Callable[..., None]]:
    """Runs a dbt command in this process, as dbt's role of a warehouse if one is given; fails if it fails."""

    def run(*arguments: str, warehouse: Warehouse | None = None, **more: str) -> None:
        with pytest.MonkeyPatch.context() as environment:
            for name, value in (variables(warehouse) | more).items():
                environment.setenv(name, value)
            where = ("--target-path", str(_parsed_for(target, arguments, more)))
            result = dbt.invoke([*arguments, "--quiet", *where, "--log-level-file", "none", *unread(arguments)])
        assert result.success, result.exception or [
            f"{each.node.name}: {each.message}" for each in result.result if each.status in {"error", "fail"}
        ]

    with pytest.MonkeyPatch.context() as patch:
        leave_out_what_nobody_sees(patch)
        yield run


def unread(arguments: tuple[str, ...]) -> list[str]:
    """What keeps a build from writing files that no test reads: a tenth of its time."""
    return ["--no-write-json"] if arguments[0] in {"build", "run", "seed"} else []


def _parsed_for(target: Path, arguments: tuple[str, ...], more: dict[str, str]) -> Path:
    """A target directory for other variables or another project: in one for all, dbt would parse all there and back."""
    variation = (dbt.FOLDER, [word for word in arguments if ":" in word], sorted(more.items()))
    if variation == (PROJECT, [], []):
        return target
    own = target.with_name(f"{target.name}-{hashlib.sha256(repr(variation).encode()).hexdigest()[:12]}")
    if target.exists() and not own.exists():
        shutil.copytree(target, own, ignore=shutil.ignore_patterns("*.sql"))
    return own


@pytest.fixture
def new_target(target: Path, tmp_path: Path) -> Callable[[], Path]:
    """Makes target directories for processes, with the project as it was parsed last."""

    def create() -> Path:
        return Path(shutil.copytree(target, tmp_path / uuid.uuid4().hex, ignore=shutil.ignore_patterns("*.sql")))

    return create


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the dbt project, which a test may change."""
    copy = tmp_path / "dbt"
    shutil.copytree(PROJECT, copy, ignore=shutil.ignore_patterns("target", "logs"))
    monkeypatch.setattr("pipelines.dbt.FOLDER", copy)
    return copy


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


@pytest.fixture(scope="session")
def shops(postgres_server: Postgres, run_dbt: Callable[..., None]) -> Shops:
    """Shops on copies of databases. The next has the name of the last: for another one dbt parses the project anew."""
    free = [f"shop_{number}" for number in range(20)]

    @contextmanager
    def copied(template: str) -> Iterator[Shop]:
        name = free.pop()
        try:
            copy = create_warehouse(postgres_server.url(), WAREHOUSE_PASSWORDS, name=name, template=template)
            yield Shop(copy, run_dbt)
        finally:
            with psycopg.connect(postgres_server.url(), autocommit=True) as admin:
                admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
            free.append(name)

    return copied


@pytest.fixture(scope="module")
def module_shop(shops: Shops, warehouse_template: str) -> Iterator[Shop]:
    """An empty shop of the module's own."""
    with shops(warehouse_template) as shop:
        yield shop


@pytest.fixture
def shop(shops: Shops, warehouse_template: str) -> Iterator[Shop]:
    """An empty shop of the test's own."""
    with shops(warehouse_template) as shop:
        yield shop


@pytest.fixture(scope="session")
def built_template(shops: Shops, warehouse_template: str, postgres_server: Postgres) -> str:
    """The name of the database of a shop with some history, built."""
    name = f"built_template_{uuid.uuid4().hex[:8]}"
    with shops(warehouse_template) as shop:
        shop.land(*SOLD, *shuffled_history(7, 300))
        shop.build()
        create_warehouse(postgres_server.url(), WAREHOUSE_PASSWORDS, name=name, template=shop.database)
    return name


@pytest.fixture
def built_shop(shops: Shops, built_template: str) -> Iterator[Shop]:
    """A shop of the test's own with some history, built."""
    with shops(built_template) as shop:
        yield shop
