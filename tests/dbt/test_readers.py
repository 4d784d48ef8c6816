"""Readers of the marts while these are rebuilt in place: what they read is always there, and they never wait long."""

import json
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from stack.parts.postgres import Postgres
from tests.dbt.conftest import change
from tests.dbt.process import WAITING, start, wait_for
from tests.dbt.shop import Shop, order

SPENDING = "select user_id, currency, order_count, total_amount from core.user_spending order by 1, 2"
BY_ORDERS = """
select user_id, currency, count(*)::int, sum(kept_amount) from core.orders where is_sale group by 1, 2 order by 1, 2
"""


@pytest.fixture
def shop(built_shop: Shop) -> Shop:
    return built_shop


@contextmanager
def reading(shop: Shop, query: str) -> Iterator[None]:
    """Someone who asks again and again; if one answer fails, so does the block."""
    is_over = threading.Event()

    def ask() -> None:
        while not is_over.is_set():
            shop.rows(query)

    with ThreadPoolExecutor(1) as pool:
        answers = pool.submit(ask)
        try:
            yield
        finally:
            is_over.set()
        answers.result()


def forget_version(shop: Shop, model: str) -> None:
    """Let a model count as changed since the last run."""
    shop.owner(f"update transformation.runs set versions = versions - 'model.tanawari.{model}'")


@pytest.fixture
def changed(project: Path) -> Path:
    """A project in which `orders` is another model than before."""
    change(project / "models/marts/core/orders.sql", "    orders.currency,\n", "    'XXX' as currency,\n")
    return project


@pytest.mark.usefixtures("changed")
def test_a_view_stays_when_only_the_table_it_reads_is_rebuilt(shop: Shop):
    shop.dbt("run", "--select", "orders")
    assert shop.rows("select distinct currency from core.user_spending") == [("XXX",)]
    assert shop.rows(SPENDING) == shop.rows(BY_ORDERS)


@pytest.mark.usefixtures("changed")
def test_while_all_is_built_a_view_is_never_missing(shop: Shop):
    with reading(shop, SPENDING):
        shop.build()
    assert shop.rows(SPENDING) == shop.rows(BY_ORDERS)


def test_a_view_stays_when_only_the_view_it_reads_is_built(shop: Shop):
    forget_version(shop, "int_categories__classify")
    made = "select to_regclass('intermediate.int_categories__classify')::oid"
    before = shop.rows(made)
    shop.dbt("run", "--select", "int_categories__classify")
    assert shop.rows(made) != before
    assert shop.rows("select count(*) > 0 from intermediate.int_products__link") == [(True,)]


def test_a_view_that_is_as_it_was_is_not_made_anew_but_described_anew(shop: Shop, project: Path):
    views = "select oid from pg_class where relkind = 'v' order by 1"
    before = shop.rows(views)
    yml = project / "models/marts/core/user_spending.yml"
    change(yml, "What each user spent", "New. What each user spent")
    shop.build()
    assert shop.rows(views) == before
    [(description,)] = shop.rows("select obj_description('core.user_spending'::regclass, 'pg_class')")
    assert description.startswith("New. ")


def test_a_view_that_is_as_it_was_is_granted_to_who_may_read_it(shop: Shop):
    with psycopg.connect(shop.warehouse.dbt) as connection:
        connection.execute("revoke all on core.user_spending from tanawari_analyst")  # as a restored dump may lack it
    shop.dbt("run", "--select", "user_spending")
    with psycopg.connect(shop.warehouse.analyst) as analyst:
        assert analyst.execute(SPENDING).fetchall() == shop.rows(SPENDING)


def test_nobody_keeps_what_the_project_does_not_grant(shop: Shop, postgres_server: Postgres):
    with psycopg.connect(postgres_server.url(shop.database), autocommit=True) as admin:
        for table in ("core.user_spending", "core.orders"):
            admin.execute(f"grant select on {table} to tanawari_loader; grant insert on {table} to tanawari_analyst")
    shop.dbt("run", "--select", "user_spending", "orders")
    held = "select has_table_privilege('tanawari_{}', 'core.{}', '{}')"
    for table in ("user_spending", "orders"):
        assert shop.rows(held.format("loader", table, "select")) == [(False,)]
        assert shop.rows(held.format("analyst", table, "insert")) == [(False,)]
        assert shop.rows(held.format("analyst", table, "select")) == [(True,)]


def test_a_view_that_somebody_dropped_is_made_anew(shop: Shop):
    before = shop.rows(SPENDING)
    with psycopg.connect(shop.warehouse.dbt) as connection:
        connection.execute("drop view core.user_spending")
    shop.dbt("run", "--select", "user_spending")
    assert shop.rows(SPENDING) == before


def test_a_view_whose_table_was_renamed_is_made_anew_on_the_table_that_has_the_name(shop: Shop):
    [(before,)] = shop.rows("select count(*) from core.orders")
    shop.owner(
        "alter table raw.order_v1 rename to order_v1_of_2025; "
        "create table raw.order_v1 (like raw.order_v1_of_2025 including all); "
        "grant select on raw.order_v1 to tanawari_dbt; grant select, insert on raw.order_v1 to tanawari_loader; "
        "alter table raw.order_v1_of_2025 inherit raw.order_v1"
    )
    shop.land(order(99, (1, 1)))
    shop.build()
    assert shop.rows("select count(*) from core.orders") == [(before + 1,)]


def test_a_role_with_an_odd_name_may_read_what_the_project_grants_it(
    shop: Shop, project: Path, postgres_server: Postgres
):
    role = f'BI-{uuid.uuid4().hex[:8]} of "O\'Neil"'
    change(project / "dbt_project.yml", "[tanawari_analyst, ", f"[{json.dumps(role)}, tanawari_analyst, ")
    with psycopg.connect(postgres_server.url(shop.database), autocommit=True) as admin:
        admin.execute(sql.SQL("create role {}").format(sql.Identifier(role)))
        shop.dbt("run", "--select", "orders")
        admin.execute(sql.SQL("set role {}").format(sql.Identifier(role)))
        assert admin.execute("select count(*) > 0 from core.orders").fetchall() == [(True,)]


def test_a_rebuild_that_a_view_cannot_follow_is_refused_and_changes_nothing(
    shop: Shop, project: Path, capfd: pytest.CaptureFixture[str]
):
    before = shop.rows(SPENDING)
    change(project / "models/marts/core/orders.sql", "    orders.currency,\n", "    7 as currency,\n")
    change(
        project / "models/marts/core/orders.yml",
        "{name: currency, data_type: text,",
        "{name: currency, data_type: int,",
    )
    with pytest.raises(AssertionError):
        shop.dbt("run", "--select", "orders")
    said = capfd.readouterr().out
    assert re.search(r"[a-z_.]+ cannot read the rebuilt core.orders: .* Run a full refresh", said)
    assert shop.rows(SPENDING) == before


def test_a_rebuild_waits_for_a_reader_and_nobody_waits_behind_it(shop: Shop, new_target: Callable[[], Path]):
    forget_version(shop, "user_spending")
    with psycopg.connect(shop.warehouse.analyst) as long:
        long.execute("select from core.user_spending")
        run = start(shop, new_target(), "run", "--select", "user_spending")
        wait_for(shop, WAITING, 1)
        with psycopg.connect(shop.warehouse.analyst, options="-c statement_timeout=10s") as other:
            other.execute(SPENDING)
        assert run.poll() is None
    assert run.wait(timeout=90) == 0


def test_a_rebuild_that_has_waited_too_long_names_the_reader_and_the_remedy(
    shop: Shop, capfd: pytest.CaptureFixture[str]
):
    forget_version(shop, "user_spending")
    with psycopg.connect(shop.warehouse.analyst) as long:
        long.execute("select from core.user_spending")
        with pytest.raises(AssertionError):
            shop.dbt("run", "--select", "user_spending", TANAWARI_RUN_WAIT_MINUTES="0.01")
        reader = f"tanawari_analyst (pid {long.info.backend_pid})"
    assert f"core.user_spending is still being read by {reader}" in capfd.readouterr().out
    shop.land(order(99, (1, 1)))
    shop.build()
