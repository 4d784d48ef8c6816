"""Runs of dbt, as a process finds them."""

import psycopg
import pytest

from pipelines.recipe import Recipe
from pipelines.runs import RefusedError, taken_over


@pytest.mark.timeout(60)
def test_a_run_that_may_not_wait_is_refused_at_once(warehouse):
    with (
        taken_over(warehouse.dbt, 0),
        pytest.raises(RefusedError, match="one run at a time"),
        taken_over(warehouse.dbt, 0),
    ):
        pass


def test_a_machine_that_is_gone_holds_its_locks_for_minutes_only(warehouse):
    with taken_over(warehouse.dbt, 0) as runs:
        options = runs.begin(Recipe({}, {}, frozenset(), {}), "a test").environment["PGOPTIONS"]
        with psycopg.connect(warehouse.dbt, options=options) as connection:
            assert connection.execute("show tcp_keepalives_idle").fetchone() == ("60",)


def test_what_the_shell_says_to_postgres_holds_in_a_run_too(warehouse, monkeypatch):
    monkeypatch.setenv("PGOPTIONS", "-c statement_timeout=7s")
    with taken_over(warehouse.dbt, 0) as runs:
        options = runs.begin(Recipe({}, {}, frozenset(), {}), "a test").environment["PGOPTIONS"]
        with psycopg.connect(warehouse.dbt, options=options) as connection:
            assert connection.execute("show statement_timeout").fetchone() == ("7s",)
