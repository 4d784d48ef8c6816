"""A fresh warehouse for each test, and dbt to build on it."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from stack.databases import Warehouse
from tests.dbt.shop import Shop

PROJECT = Path(__file__).parents[2] / "dbt"


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One target directory for the run: dbt parses the project once."""
    return tmp_path_factory.mktemp("dbt")


@pytest.fixture
def dbt(warehouse: Warehouse, target: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runs a dbt command in this process (`build` without unit tests, if none is named) and fails if it fails."""
    from dbt.cli.main import dbtRunner  # here, for importing dbt takes seconds

    parts = urlsplit(warehouse.dbt)
    for name, value in {
        "WAREHOUSE_DBT_HOST": parts.hostname,
        "WAREHOUSE_DBT_PORT": str(parts.port),
        "WAREHOUSE_DBT_USER": parts.username,
        "WAREHOUSE_DBT_PASSWORD": parts.password,
        "WAREHOUSE_DBT_DBNAME": parts.path.removeprefix("/"),
        "TANAWARI_TIMEZONE": "America/New_York",
        "DO_NOT_TRACK": "1",
    }.items():
        monkeypatch.setenv(name, str(value))

    def run(*arguments: str) -> None:
        command = arguments if arguments and not arguments[0].startswith("-") else (
            "build", "--exclude-resource-type", "unit_test", *arguments
        )  # fmt: skip
        where = ("--project-dir", PROJECT, "--profiles-dir", PROJECT, "--target-path", target, "--log-level-file", "none")
        result = dbtRunner().invoke([*command, "--quiet", *map(str, where)])
        assert result.success, result.exception or [
            f"{each.node.name}: {each.message}" for each in result.result if each.status in {"error", "fail"}
        ]

    return run


@pytest.fixture
def shop(warehouse: Warehouse, dbt: Callable[..., None]) -> Shop:
    return Shop(warehouse, dbt)
