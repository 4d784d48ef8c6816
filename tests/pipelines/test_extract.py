"""For which day an extract can be made."""

import dagster as dg
import duckdb
import psycopg
import pytest

from pipelines.defs.partitions import today
from pipelines.settings import settings
from pipelines.warehouse import Warehouse
from tests.disks import small_disk
from tests.pipelines.training_runs import said

pytestmark = pytest.mark.usefixtures("state")


def extract(url: str, day: str) -> dg.ExecuteInProcessResult:
    from pipelines.defs.extracts.assets import duckdb_extract  # noqa: PLC0415 (loading parses the dbt project: only here)

    resources = {"warehouse": Warehouse(url=url)}
    return dg.materialize([duckdb_extract], resources=resources, partition_key=day, raise_on_error=False)


def test_an_extract_is_made_for_the_day_on_which_its_run_began(warehouse, state):
    made = extract(warehouse.pipelines, today())

    assert len(made.get_asset_materialization_events()) == 1
    assert (state / "extracts" / "current" / "tanawari.duckdb").exists()


def test_the_extract_of_an_earlier_day_is_not_remade_and_fails_nothing():
    made = extract("postgresql://nobody@127.0.0.1:9/nowhere", "2026-01-05")

    assert made.success
    assert made.get_asset_materialization_events() == []


@pytest.fixture
def full_extracts(state, monkeypatch):
    """Extracts on a disk that holds one of them and not two."""
    with small_disk(state / "disk", 2) as disk:
        monkeypatch.setenv("TANAWARI_EXTRACTS", str(disk))
        settings.cache_clear()
        yield disk
    settings.cache_clear()


MARTS = """
create schema core;
grant usage on schema core to tanawari_pipelines;
create table core.orders as
    select number, sha256(number::text::bytea)::text as noise from generate_series(1, 20000) as numbers (number);
grant select on core.orders to tanawari_pipelines
"""


@pytest.mark.repeated
def test_on_a_full_disk_an_extract_fails_by_name_and_leaves_the_one_before_and_nothing_else(warehouse, full_extracts):
    with psycopg.connect(warehouse.dbt) as connection:
        connection.execute(MARTS)
    assert extract(warehouse.pipelines, today()).success
    before = {path.name for path in full_extracts.iterdir()}

    failed = extract(warehouse.pipelines, today())

    assert f"no space for the extract in {full_extracts}: free some" in said(failed)
    assert failed.filter_events(lambda event: event.is_step_up_for_retry) == []
    assert {path.name for path in full_extracts.iterdir()} == before
    with duckdb.connect(full_extracts / "current" / "tanawari.duckdb", read_only=True) as database:
        assert database.execute("select count(*) from core.orders").fetchall() == [(20_000,)]
