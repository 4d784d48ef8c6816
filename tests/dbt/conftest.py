"""Fresh warehouses, and dbt to build on them."""

import hashlib
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipelines import dbt
from stack.databases import Warehouse, create_warehouse
from stack.parts.postgres import Postgres
from stack.programs import WAREHOUSE_ROLES
from tests.dbt.shop import Shop, shuffled_history

PROJECT = Path(__file__).parents[2] / "dbt"


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
            result = dbt.invoke([*arguments, "--quiet", *where, "--log-level-file", "none"])
        assert result.success, result.exception or [
            f"{each.node.name}: {each.message}" for each in result.result if each.status in {"error", "fail"}
        ]

    with pytest.MonkeyPatch.context() as patch:
        # For the name of who registers a flag dbt goes through all modules of the process, at each flag: in a process
        # that has imported all tests, most of a run's time.
        patch.setattr("dbt_common.behavior_flags.BehaviorFlagRendered._default_source", staticmethod(lambda: "dbt"))
        yield run


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


@pytest.fixture
def shop(warehouse: Warehouse, run_dbt: Callable[..., None]) -> Shop:
    """An empty shop of the test's own."""
    return Shop(warehouse, run_dbt)


@pytest.fixture(scope="session")
def built_shop(
    new_warehouse: Callable[[], Warehouse], run_dbt: Callable[..., None], postgres_server: Postgres
) -> Callable[[], Shop]:
    """A factory of shops with some history, built: copies of one."""
    first = Shop(new_warehouse(), run_dbt)
    first.land(*shuffled_history(7, 300))
    first.build()
    passwords = dict.fromkeys(WAREHOUSE_ROLES.values(), "password")
    template = first.warehouse.dbt.rpartition("/")[2]

    def create() -> Shop:
        name = f"warehouse_{uuid.uuid4().hex[:8]}"
        return Shop(create_warehouse(postgres_server.url(), passwords, name=name, template=template), run_dbt)

    return create
