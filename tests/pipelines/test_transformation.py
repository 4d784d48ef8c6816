"""dbt as Dagster runs it: within a run of its own."""

import dagster as dg
import psycopg
import pytest

from pipelines.dbt import dbt_variables
from tests.dbt.quick import leave_out_what_nobody_sees

RUNS = "select number, is_complete, is_beside, rules ->> 'timezone' from transformation.runs order by number"


@pytest.mark.timeout(600)
def test_all_models_move_the_position_one_does_not_and_a_full_refresh_builds_beside(warehouse, monkeypatch):
    for name, value in {"WAREHOUSE_DBT_URL": warehouse.dbt, **dbt_variables(warehouse.dbt)}.items():
        monkeypatch.setenv(name, value)
    leave_out_what_nobody_sees(monkeypatch)
    from pipelines.defs.jobs import full_refresh  # noqa: PLC0415 (loading parses the dbt project: only here)
    from pipelines.defs.transformation.assets import PROJECT, warehouse_models  # noqa: PLC0415 (likewise)
    from pipelines.defs.transformation.project import Dbt  # noqa: PLC0415 (likewise)

    resources = {"dbt": Dbt.of(PROJECT)}
    dg.materialize([warehouse_models], resources=resources)
    dg.materialize([warehouse_models], resources=resources, selection=dg.AssetSelection.assets(["core", "orders"]))
    monkeypatch.setenv("TANAWARI_TIMEZONE", "Asia/Tokyo")
    assert full_refresh.execute_in_process().success
    with psycopg.connect(warehouse.dbt) as connection:
        assert connection.execute(RUNS).fetchall() == [
            (1, True, False, "UTC"),
            (2, False, False, "UTC"),
            (3, True, True, "Asia/Tokyo"),
        ]
