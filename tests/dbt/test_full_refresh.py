"""A full refresh: it builds beside the marts, which readers see until it takes their place at once."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from pipelines.runs import RefusedError
from tests.dbt.process import start, wait_for
from tests.dbt.shop import Shop, event, order

GRANTS = """
select table_schema, table_name, grantee, privilege_type from information_schema.table_privileges
where table_schema = any(array['core', 'behaviour', 'merchandising', 'recommendation']) order by 1, 2, 3, 4
"""
COMMENTS = """
select count(*) from pg_description inner join pg_class on objoid = pg_class.oid
inner join pg_namespace on relnamespace = pg_namespace.oid where nspname = any(array['core', 'behaviour'])
"""
OTHERS = "select nspname from pg_namespace where nspname like '%\\_\\_%'"


@pytest.fixture
def shop(built_shop: Shop) -> Shop:
    return built_shop


def test_readers_see_the_marts_of_before_until_those_of_after_take_their_place(
    shop: Shop, new_target: Callable[[], Path]
):
    before, grants, comments = shop.marts(), shop.rows(GRANTS), shop.rows(COMMENTS)
    shop.land(order(99, (1, 1)))
    with psycopg.connect(shop.warehouse.analyst, autocommit=True) as analyst:
        with psycopg.connect(shop.warehouse.owner) as writer:
            writer.execute(
                "lock table raw.recommendation_feedback_v1 in access exclusive mode"
            )  # holds it up in the middle
            run = start(shop, new_target(), "build", "--exclude-resource-type", "unit_test", "--full-refresh")
            wait_for(shop, "select count(*) from pg_tables where (schemaname, tablename) = ('core__next', 'orders')", 1)
            assert shop.marts() == before
        [(reading,)] = analyst.execute("select count(*) from core.orders").fetchall()
        assert run.wait(timeout=180) == 0
        assert analyst.execute("select count(*) from core.orders").fetchall() == [(reading + 1,)]
        assert shop.rows(GRANTS) == grants
        assert shop.rows(COMMENTS) == comments
    assert shop.rows(OTHERS) == []
    after = shop.marts()
    shop.build()
    assert shop.marts() == after


def test_a_reader_who_goes_on_hinders_nobody(shop: Shop):
    [(before,)] = shop.rows("select count(*) from core.orders")
    with psycopg.connect(shop.warehouse.analyst) as analyst:
        analyst.execute("declare pages cursor for select 1 from core.orders")
        for more in (1, 2):  # the second finds what the first could not drop
            shop.land(order(98 + more, (1, 1)))
            shop.build("--full-refresh")
            assert shop.rows("select count(*) from core.orders") == [(before + more,)]
        assert len(analyst.execute("fetch all from pages").fetchall()) == before
    shop.dbt("run", "--select", "stg_order__orders")
    assert shop.rows(OTHERS) == []


def test_a_full_refresh_that_fails_leaves_the_marts_as_they_were(shop: Shop):
    before = shop.marts()
    shop.owner("alter table raw.order_v1 rename column data to payload")
    with pytest.raises(AssertionError):
        shop.build("--full-refresh", TANAWARI_TIMEZONE="Asia/Tokyo")
    shop.owner("alter table raw.order_v1 rename column payload to data")
    assert shop.marts() == before
    assert shop.rows(OTHERS) == []
    shop.build()


def test_a_full_refresh_drops_a_mart_that_no_model_builds_any_more(shop: Shop):
    with psycopg.connect(shop.warehouse.dbt) as connection:
        connection.execute("create table recommendation.feedback (user_id text)")
    shop.build("--full-refresh")
    assert shop.rows("select to_regclass('recommendation.feedback')") == [(None,)]


def test_a_full_refresh_is_the_remedy_for_another_time_zone(shop: Shop):
    shop.build("--full-refresh", TANAWARI_TIMEZONE="Asia/Tokyo")
    assert shop.rows(
        "select count(*) from core.orders where ordered_date != (ordered_at at time zone 'Asia/Tokyo')::date"
    ) == [(0,)]
    shop.land(event("CART_ADD", userId="ann", productId=1))
    shop.build(TANAWARI_TIMEZONE="Asia/Tokyo")
    with pytest.raises(RefusedError, match="timezone was Asia/Tokyo, is America/New_York"):
        shop.build()


def test_what_a_killed_full_refresh_left_the_next_run_drops(shop: Shop):
    with psycopg.connect(shop.warehouse.dbt) as connection:
        connection.execute("create schema core__next; create table core__next.orders ()")
    shop.dbt("run", "--select", "stg_order__orders")
    assert shop.rows(OTHERS) == []


@pytest.mark.parametrize("option", ["--full-refresh", "-f"])
def test_a_full_refresh_of_a_part_is_refused(shop: Shop, option: str):
    with pytest.raises(RefusedError, match="a `build` of all models"):
        shop.build(option, "--select", "orders")


def test_a_full_refresh_without_the_tests_of_the_data_replaces_nothing(shop: Shop):
    shop.land(order(99, (1, 1)))
    with pytest.raises(RefusedError, match="once all tests have passed"):
        shop.build("--full-refresh", "--exclude-resource-type", "test")
    assert shop.rows("select count(*) from core.orders where order_id = 99") == [(0,)]
    assert shop.rows(OTHERS) == []


def test_a_full_refresh_by_environment_is_refused(shop: Shop):
    with pytest.raises(AssertionError, match="a full refresh is `tanawari dbt build --full-refresh`"):
        shop.dbt("run", "--select", "stg_order__orders", DBT_FULL_REFRESH="1")
