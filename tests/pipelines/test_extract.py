"""For which day an extract can be made."""

import dagster as dg
import pytest

from pipelines.defs.partitions import today
from pipelines.warehouse import Warehouse

pytestmark = [
    pytest.mark.usefixtures("state"),
    pytest.mark.filterwarnings("ignore:sqlglotrs is deprecated:DeprecationWarning"),  # dagster-dbt's own
]


def extract(url: str, day: str) -> dg.ExecuteInProcessResult:
    from pipelines.defs.extracts.assets import duckdb_extract  # noqa: PLC0415 (loading parses the dbt project: only here)

    return dg.materialize([duckdb_extract], resources={"warehouse": Warehouse(url=url)}, partition_key=day)


def test_an_extract_is_made_for_the_day_on_which_its_run_began(warehouse, state):
    made = extract(warehouse.pipelines, today())

    assert len(made.get_asset_materialization_events()) == 1
    assert (state / "extracts" / "current" / "tanawari.duckdb").exists()


def test_the_extract_of_an_earlier_day_is_not_remade_and_fails_nothing():
    made = extract("postgresql://nobody@127.0.0.1:9/nowhere", "2026-01-05")

    assert made.success
    assert made.get_asset_materialization_events() == []
