import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal

import duckdb
import psycopg
import pytest

from tests.waiting import wait_until
from warehouse.extracts import extract

MARTS = """
create schema core;
create table core.orders (
    order_id bigint, user_id text, total_amount numeric(12, 2), is_cancelled bool, ordered_at timestamptz,
    ordered_date date, note text, email text
);
insert into core.orders values
    (1, 'u1', 2.50, false, '2026-01-02 03:04:05+09', '2026-01-02', '', 'a@example.com'),
    (2, 'u2', null, true, '2026-01-02 03:04:05.000001+00', null, E'two\nlines, "quoted"', null);
create table core.empty (order_id bigint);
grant usage on schema core to tanawari_analyst;
grant select on all tables in schema core to tanawari_analyst;
create table core.hidden (order_id bigint);
"""

PERSONAL = {"core.orders.email", "core.empty.order"}


@pytest.fixture
def analyst(warehouse):
    with psycopg.connect(warehouse.dbt) as connection:
        connection.execute(MARTS)
    return warehouse.analyst


def rows(directory, query):
    with duckdb.connect(str(directory / "current" / "tanawari.duckdb"), read_only=True) as database:
        return database.execute(query).fetchall()


def test_the_views_show_what_the_marts_hold_with_their_types(analyst, tmp_path):
    extract(analyst, tmp_path, left_out=PERSONAL)
    first, second = rows(tmp_path, "select * from core.orders order by order_id")
    at = datetime(2026, 1, 1, 18, 4, 5, tzinfo=UTC)
    assert first == (1, "u1", Decimal("2.50"), False, at, datetime(2026, 1, 2).date(), "")  # noqa: DTZ001
    assert (second[2], second[5], second[6]) == (None, None, 'two\nlines, "quoted"')


def test_an_empty_mart_is_an_empty_table(analyst, tmp_path):
    extract(analyst, tmp_path)
    assert rows(tmp_path, "select * from core.empty") == []


def test_an_extract_shows_the_marts_between_two_runs_of_dbt(analyst, tmp_path):
    with psycopg.connect(analyst, autocommit=True) as run, ThreadPoolExecutor(1) as pool:
        run.execute("select pg_advisory_lock(hashtextextended('transformation.runs', 0))")  # as every run holds it
        extracted = pool.submit(extract, analyst, tmp_path)
        waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
        wait_until(lambda: run.execute(waiting).fetchone(), lambda row: row == (1,))
        assert not extracted.done()
        run.execute("select pg_advisory_unlock_all()")
        assert extracted.result().tables["core.orders"].rows == 2


def test_the_manifest_tells_rows_hashes_and_what_was_left_out(analyst, tmp_path):
    made = extract(analyst, tmp_path, left_out=PERSONAL)
    written = json.loads((tmp_path / "current" / "manifest.json").read_text())
    orders = written["tables"]["core.orders"]
    file = (tmp_path / "current" / "core" / "orders.parquet").read_bytes()
    assert (orders["rows"], orders["left_out"]) == (2, ["email"])
    assert orders["sha256"] == hashlib.sha256(file).hexdigest() == made.tables["core.orders"].sha256
    assert set(written["tables"]) == {"core.orders", "core.empty"}


def test_the_newest_is_current_and_those_of_an_earlier_day_are_pruned(analyst, tmp_path):
    (tmp_path / "20260101T000000000000Z").mkdir()
    made = [extract(analyst, tmp_path).extract for _ in range(2)]
    assert (tmp_path / "current").resolve().name == made[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == [*made, "current"]


def test_an_extract_is_kept_for_a_day_after_it_was_replaced_however_old_it_is(analyst, tmp_path):
    old = ["20260101T000000000000Z", "20260102T000000000000Z"]
    for name in old:
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").touch()
    made = extract(analyst, tmp_path).extract
    assert sorted(path.name for path in tmp_path.iterdir()) == [old[1], made, "current"]


def test_what_a_killed_run_of_dbt_left_beside_a_mart_is_not_extracted(analyst, warehouse, tmp_path):
    with psycopg.connect(warehouse.dbt) as connection:
        connection.execute("create table core.orders__dbt_backup as select * from core.orders")
        connection.execute("grant select on core.orders__dbt_backup to tanawari_analyst")
    assert set(extract(analyst, tmp_path, left_out=PERSONAL).tables) == {"core.orders", "core.empty"}


def test_what_others_keep_there_is_left_alone(analyst, tmp_path):
    foreign = [".git", ".ipynb_checkpoints", "2025", "20250101T000000000000Z.bak", "20250101"]
    for name in foreign:
        (tmp_path / name).mkdir()
    made = extract(analyst, tmp_path).extract
    assert {path.name for path in tmp_path.iterdir()} == {*foreign, made, "current"}


def test_one_who_has_an_extract_open_can_go_on(analyst, tmp_path):
    extract(analyst, tmp_path)
    with duckdb.connect(str(tmp_path / "current" / "tanawari.duckdb"), read_only=True) as database:
        for _ in range(4):
            extract(analyst, tmp_path)
        assert database.execute("select count(*) from core.orders").fetchall() == [(2,)]


def test_an_extract_that_fails_leaves_the_current_one_and_nothing_else(analyst, tmp_path):
    made = extract(analyst, tmp_path)
    with pytest.raises(psycopg.OperationalError):
        extract(analyst.replace("password", "wrong"), tmp_path)
    assert (tmp_path / "current").resolve().name == made.extract
    assert sorted(path.name for path in tmp_path.iterdir()) == [made.extract, "current"]
