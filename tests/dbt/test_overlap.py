"""Runs of dbt that overlap: the schedule's, a click's, one from the command line."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg

from tests.dbt.conftest import PROJECT, variables
from tests.dbt.shop import Shop, order
from tests.waiting import wait_until

MODEL = "int_order_events__unnest"
WAITING = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"


def start_run(shop: Shop, target: Path) -> subprocess.Popen:
    """`dbt run` of one model in a process of its own."""
    command = [Path(sys.executable).with_name("dbt"), "run", "--quiet", "--select", MODEL, "--target-path", target]
    where = ["--project-dir", PROJECT, "--profiles-dir", PROJECT, "--log-level-file", "none"]
    return subprocess.Popen([*command, *where], env={**os.environ, **variables(shop.warehouse)})


def test_two_runs_at_once_take_every_event_once(shop: Shop, tmp_path: Path):
    shop.land(order(1, (1, 1)))
    shop.build("--select", f"+{MODEL}")
    shop.land(order(2, (1, 1)))
    with psycopg.connect(shop.warehouse.dbt) as writer:
        writer.execute(f"lock table intermediate.{MODEL} in share mode")  # it may be read, as for the watermark
        runs = [start_run(shop, tmp_path / str(number)) for number in range(2)]
        wait_until(lambda: shop.rows(WAITING), lambda rows: rows == [(2,)])
    assert [run.wait(timeout=90) for run in runs] == [0, 0]
    assert shop.rows(f"select order_id from intermediate.{MODEL} order by 1") == [(1,), (2,)]
