"""Fresh warehouses, and dbt to build on them."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from stack.databases import Warehouse
from tests.dbt.shop import Shop

PROJECT = Path(__file__).parents[2] / "dbt"


def variables(warehouse: Warehouse | None = None) -> dict[str, str]:
    """What dbt reads from the environment, for one of the shop's warehouses or none."""
    shop = {"TANAWARI_TIMEZONE": "America/New_York", "TANAWARI_PSEUDO_PRODUCTS": "grocer", "DO_NOT_TRACK": "1"}
    if warehouse is None:
        return shop
    parts = urlsplit(warehouse.dbt)
    return shop | {
        "WAREHOUSE_DBT_HOST": str(parts.hostname),
        "WAREHOUSE_DBT_PORT": str(parts.port),
        "WAREHOUSE_DBT_USER": str(parts.username),
        "WAREHOUSE_DBT_PASSWORD": str(parts.password),
        "WAREHOUSE_DBT_DBNAME": parts.path.removeprefix("/"),
    }


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One target directory for the run: dbt parses the project once."""
    return tmp_path_factory.mktemp("dbt")


@pytest.fixture(scope="session")
def run_dbt(target: Path) -> Callable[..., None]:
    """Runs a dbt command in this process, as dbt's role of a warehouse if one is given; fails if it fails."""
    from dbt.cli.main import dbtRunner  # noqa: PLC0415 - importing dbt takes seconds

    where = ("--project-dir", PROJECT, "--profiles-dir", PROJECT, "--target-path", target, "--log-level-file", "none")

    def run(*arguments: str, warehouse: Warehouse | None = None) -> None:
        with pytest.MonkeyPatch.context() as environment:
            for name, value in variables(warehouse).items():
                environment.setenv(name, value)
            result = dbtRunner().invoke([*arguments, "--quiet", *map(str, where)])
        assert result.success, result.exception or [
            f"{each.node.name}: {each.message}" for each in result.result if each.status in {"error", "fail"}
        ]

    return run


@pytest.fixture
def shop(warehouse: Warehouse, run_dbt: Callable[..., None]) -> Shop:
    """An empty shop of the test's own."""
    return Shop(warehouse, run_dbt)
