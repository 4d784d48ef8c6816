"""`dbt build` on a small shop, from the landing tables to the marts."""

import json
import re
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from tests.dbt.shop import Shop, begun, cart, category, event, order, payment, product, refund, sent_back


@pytest.fixture(scope="module")
def small_shop(module_shop: Shop) -> Shop:
    """Tea, a coupon, two orders, one that came back, and a visitor, built with all tests."""
    module_shop.land(
        category(1, "GROCERY > TEA > GREEN"), category(2, "COUPON > PAPER"), product(1, 1), product(2, 2),
        event("CATEGORY_DELETED", categoryId=3, code="DELI"), event("PRODUCT_DELETED", productId=3, sku="P3"),
        order(1, (1, 2), (2, 1)), order(2, (1, 1), user="ben", hours=11.5),
        *(begun(order(4, (1, 5), user="cat")), order(4, (1, 5), user="cat"), payment("COMPLETED", 4, "10")),
        *(sent_back(1, 4, (1, 5), hours=24), refund(1, 4, "10", 24), cart("ADDED", 1, 1)),
        event("PRODUCT_VIEWED", userId="anon:1", productId=1, sessionId="s"),
        event("PRODUCT_VIEWED", userId="ann", productId=1, simulated=True),
        event("SEARCH_BY_KEYWORD", -1, userId="ann", searchKeyword=" Green TEA", requestID="s1", resultCount=2),
        event("SEARCH_BY_KEYWORD", -1, userId="ben", searchKeyword="green tea", resultCount=0),
        event("PRODUCT_VIEWED", -0.5, userId="ann", productId=2, requestID="s1"),
        event("CART_ADD", -0.1, userId="cat", productId=1, sessionId="c", utmSource="mail", utmCampaign="spring"),
        event("ORDER_COMPLETE", userId="cat", orderId=4),
        event("GENERATION_ACTIVATED", generation="g1", rows=3),
        event("DISPLAY_CHANGED", displayId=1, change="CREATED", displayType="SALE", productId=1, mode="pin"),
        event("BANNER_CHANGED", bannerId=1, change="CREATED", placement="TOP", campaignId=1),
        event("REVIEW_UPDATED", reviewId=1, productId=1, rating=4, submittedAt="2026-01-10T17:00:00Z"),
        event("CAMPAIGN_CHANGED", campaignId=1, change="CREATED", name="Spring"),
        event("RECOMMENDATION_SHOWN", recommendationId="r", userId="ann", experiment="even", arm="a",
              items=[{"displayType": "SALE", "productId": 1, "rank": 1}]),
        event("RECOMMENDATION_CLICKED", 1, recommendationId="r", userId="ann", displayType="SALE", productId=1, rank=1),
        event("RECOMMENDATION_CLICKED", 1, recommendationId="s", userId="ann", displayType="SIMILAR", productId=1,
              rank=1),
    )  # fmt: skip
    module_shop.dbt("build")
    return module_shop


def test_a_whole_build_with_its_tests_fills_every_mart(small_shop: Shop):
    assert all(small_shop.marts().values())
    assert small_shop.rows(
        "select order_id, product_id, quantity, amount, user_id from recommendation.interactions order by 1"
    ) == [(1, 1, 2, Decimal("4.00"), "ann"), (2, 1, 1, Decimal("2.00"), "ben")]
    assert small_shop.rows(
        "select view_count, viewer_count, unit_count from merchandising.product_performance where product_id = 1"
    ) == [(1, 1, 3)]
    assert small_shop.rows(
        "select currency, revenue, net_revenue from merchandising.product_revenue where product_id = 1 "
        "order by performance_date"
    ) == [("JPY", Decimal(6), Decimal(16)), ("JPY", Decimal(0), Decimal(-10))]


def test_a_search_counts_with_what_was_opened_from_it_and_then_bought(small_shop: Shop):
    assert small_shop.rows(
        "select search_term, search_count, without_result_count, clicked_count, bought_count, unit_count "
        "from merchandising.search_terms"
    ) == [("green tea", 2, 1, 1, 1, 1)]
    assert small_shop.rows("select currency, revenue from merchandising.search_revenue") == [("JPY", Decimal(2))]


def test_an_order_counts_for_the_campaign_that_its_visit_came_from(small_shop: Shop):
    assert small_shop.rows(
        "select utm_medium, visit_count, cart_count, order_count from merchandising.traffic_sources "
        "where (utm_source, utm_campaign) = ('mail', 'spring')"
    ) == [("none", 1, 1, 1)]
    assert small_shop.rows("select utm_campaign, order_count, revenue from merchandising.traffic_revenue") == [
        ("spring", 1, Decimal(0))
    ]


def test_every_mart_has_the_primary_key_of_its_contract(small_shop: Shop):
    keyless = """
        select relname from pg_class inner join pg_namespace on relnamespace = pg_namespace.oid
        where relkind = 'r' and nspname in ('core', 'behaviour', 'merchandising', 'recommendation')
            and not exists (select from pg_constraint where conrelid = pg_class.oid and contype = 'p')
    """
    assert small_shop.rows(keyless) == []


def test_a_sale_before_midnight_in_new_york_belongs_to_that_day(small_shop: Shop):
    days = small_shop.rows("select order_id, ordered_date::text from core.orders order by 1")
    assert days == [(number, "2026-01-10") for number in (1, 2, 4)]
    assert small_shop.rows("select max(ordered_at at time zone 'UTC')::date::text from core.orders") == [
        ("2026-01-11",)
    ]


def test_a_second_run_without_news_changes_nothing(small_shop: Shop):
    before = small_shop.marts()
    small_shop.build()
    assert small_shop.marts() == before


def test_the_age_of_the_sources_can_be_asked_for(small_shop: Shop, target: Path):
    small_shop.dbt("source", "freshness")
    results = json.loads((target / "sources.json").read_text())["results"]
    assert {result["unique_id"].rpartition(".")[2]: result["status"] for result in results} == {
        "order_v1": "pass",
        "user_actions_v1": "pass",
    }


def test_every_column_is_described(small_shop: Shop):
    undescribed = small_shop.rows(
        "select table_schema, table_name, column_name from information_schema.columns where table_schema in "
        "('staging', 'intermediate', 'core', 'behaviour', 'merchandising', 'recommendation') "
        "and col_description(format('%I.%I', table_schema, table_name)::regclass, ordinal_position) is null"
    )
    assert undescribed == []


def test_analysts_read_the_marts_and_nothing_below(small_shop: Shop):
    with psycopg.connect(small_shop.warehouse.analyst, autocommit=True) as analyst:
        assert analyst.execute("select count(*) from core.orders").fetchone() == (3,)
        for table in ("raw.order_v1", "intermediate.int_orders__resolve", "staging.stg_order__orders"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                analyst.execute(f"select 1 from {table}")


def test_the_documentation_is_one_page_that_needs_no_network(small_shop: Shop, target: Path):
    small_shop.dbt("docs", "generate", "--static")
    page = (target / "static_index.html").read_text()
    assert "The purchases that recommenders learn from" in page
    assert re.findall(r'<(?:script|link)[^>]+(?:src|href)="(?:https?:)?//[^"]*', page) == []


def test_the_column_lineage_of_every_model_can_be_read(small_shop: Shop, target: Path):
    from sqlglot import optimizer, parse_one  # noqa: PLC0415 - warns on import, which only a test may ignore
    from sqlglot.lineage import lineage  # noqa: PLC0415 - likewise

    small_shop.dbt("compile")
    columns = small_shop.rows(
        "select table_catalog, table_schema, table_name, column_name, data_type from information_schema.columns"
    )
    schema: dict = {}
    for catalog, layer, table, column, kind in columns:
        schema.setdefault(catalog, {}).setdefault(layer, {}).setdefault(table, {})[column] = kind
    compiled = [*(target / "compiled" / "tanawari" / "models").rglob("*.sql")]
    assert {file.stem for file in compiled} >= {"stg_order__orders", "int_orders__resolve", "orders"}
    for file in compiled:
        query = optimizer.optimize(parse_one(file.read_text(), dialect="postgres"), schema=schema, dialect="postgres")
        last = query.named_selects[-1]
        assert list(lineage(last, query, schema=schema, scope=optimizer.build_scope(query)).walk())


def test_any_shop_can_be_built_with_all_tests(shop: Shop):
    shop.land(category(1, "茶 > 緑茶"), product(1, 1), order(1, (1, 2)))
    shop.dbt("build", TANAWARI_PSEUDO_PRODUCTS="none", TANAWARI_TIMEZONE="Asia/Tokyo")
    assert shop.rows("select order_id from recommendation.interactions") == [(1,)]
