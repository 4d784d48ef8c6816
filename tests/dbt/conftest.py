"""Fresh warehouses, and dbt to build on them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.dbt import invoke
from stack.databases import Warehouse
from tests.dbt.shop import Shop

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
def run_dbt(target: Path) -> Callable[..., None]:
    """Runs a dbt command in this process, as dbt's role of a warehouse if one is given; fails if it fails."""

    def run(*arguments: str, warehouse: Warehouse | None = None, **more: str) -> None:
        with pytest.MonkeyPatch.context() as environment:
            for name, value in (variables(warehouse) | more).items():
                environment.setenv(name, value)
            result = invoke([*arguments, "--quiet", "--target-path", str(target), "--log-level-file", "none"])
        assert result.success, result.exception or [
            f"{each.node.name}: {each.message}" for each in result.result if each.status in {"error", "fail"}
        ]

    return run


@pytest.fixture
def shop(warehouse: Warehouse, run_dbt: Callable[..., None]) -> Shop:
    """An empty shop of the test's own."""
    return Shop(warehouse, run_dbt)
