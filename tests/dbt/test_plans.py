"""What an incremental run costs when much is new at once, whatever the planner has been told."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from services.contracts.topics import TOPICS
from stack.databases import Warehouse
from stack.parts.postgres import Postgres
from tests.dbt.shop import Shop
from warehouse.lanes import take

BEFORE, AFTER = 8_000, 10_000
"""Orders; a fifth of all is new at once."""
EVENTS = """
insert into raw.{table}
    (event_id, event_type, schema_version, occurred_at, producer, key, data, topic, kafka_partition, kafka_offset,
    lane, number)
select uuidv7(), %s, 1, timestamptz '2026-01-10 17:00+00' + number * interval '1 minute', 'test', '', data, '', 0, 0,
    %s, %s + number
from generate_series(%s::int, %s::int) as number cross join lateral (select {data} as data)
"""
ORDER = """
jsonb_build_object('orderId', number, 'userId', 'u' || number %% 2000, 'totalAmount', '20.00', 'items', (
    select jsonb_agg(jsonb_build_object('productId', 1 + (number * 7 + line * 31) %% 8000, 'quantity', line,
        'price', '2.00', 'amount', (line * 2)::text)) from generate_series(1, 4) as line
))
"""
RETURN = """
jsonb_build_object('returnId', number, 'orderId', number, 'userId', 'u' || number %% 2000, 'items',
    jsonb_build_array(jsonb_build_object('productId', 1 + (number * 7 + 31) %% 8000, 'quantity', 1)))
"""
MONEY = """
jsonb_build_object('paymentId', lpad(number::text, 32, '0'), 'refundId', lpad(number::text, 32, '0'),
    'orderId', number, 'userId', 'u' || number %% 2000, 'amount', '20.00')
"""
IN_A_CART = """
jsonb_build_object('userId', 'u' || number %% 2000, 'productId', 1 + number * 7 %% 8000, 'quantity', number %% 3,
    'currency', 'JPY', 'productPrice', '2')
"""
ABOUT_A_PRODUCT = """
jsonb_build_object('productId', number, 'sku', number, 'name', 'p', 'price', '2.00', 'stock', 5, 'specialPrice', '1.00',
    'parentId', case when number %% 10 > 0 then number - number %% 10 end, 'level', 2,
    'categoryIds', jsonb_build_array(number), 'categoryId', number, 'code', 'GROCERY > T' || number)
"""
ABOUT_A_USER = """
jsonb_build_object('userId', 'u' || number %% 2000, 'orderId', number, 'productId', 1 + number * 7 %% 8000)
"""
LOGIN = """
jsonb_build_object('userId', 'u' || number %% 2000, 'visitorId', 'anon:' || number %% 3000)
"""
VIEW_OF_A_VISITOR = """
jsonb_build_object('userId', 'anon:' || number %% 3000, 'productId', 1 + number * 7 %% 8000)
"""
PAGE = """
jsonb_build_object('recommendationId', number, 'userId', 'u' || number %% 2000, 'items', jsonb_build_array(
    jsonb_build_object('displayType', 'SALE', 'productId', number, 'rank', 1)))
"""
MISLEAD = """
select pg_restore_attribute_stats(
    'schemaname', table_schema::text, 'relname', table_name::text, 'attname', column_name::text, 'inherited', false,
    'version', 180000, 'null_frac', 0::real, 'avg_width', 8, 'n_distinct', 1::real,
    'most_common_vals', '{1}', 'most_common_freqs', '{1}'::real[]
)
from information_schema.columns inner join information_schema.tables using (table_schema, table_name)
where table_schema = 'raw' and column_name = 'number'
"""
"""All rows are old ones: what landed since is taken for one row at most."""


def land(warehouse: Warehouse, first: int, last: int) -> None:
    """Orders of these numbers and what goes with them, and returns and the like of half as many from before, too."""
    across = max(first - (last - first) // 2, 1)
    with psycopg.connect(warehouse.loader) as connection:
        for topic, kind, data, numbers in (
            ("order.v1", "ORDER_CREATED", ORDER, (first, last)),
            ("order.v1", "ORDER_COMPLETED", ORDER, (first, last)),
            ("order.v1", "RETURN_REQUESTED", RETURN, (across, last)),
            ("payment.v1", "PAYMENT_COMPLETED", MONEY, (first, last)),
            ("payment.v1", "REFUND_COMPLETED", MONEY, (across, last)),
            ("cart.v1", "CART_ITEM_CHANGED", IN_A_CART, (first, last)),
            ("order.v1", "ORDER_CANCELLED", ABOUT_A_USER, (across, across + (last - first) // 8)),
            ("order.v1", "RETURN_COMPLETED", RETURN, (across, last)),
            ("user-actions.v1", "ORDER_COMPLETE", ABOUT_A_USER, (first, last)),
            ("user-actions.v1", "PRODUCT_VIEWED", ABOUT_A_USER, (first, last)),
            ("user-actions.v1", "PRODUCT_VIEWED", VIEW_OF_A_VISITOR, (first, last)),
            ("auth.v1", "USER_REGISTERED", ABOUT_A_USER, (first, last)),
            ("auth.v1", "USER_AUTHENTICATED", LOGIN, (first, last)),
            ("profile.v1", "USER_PROFILE_UPDATED", ABOUT_A_USER, (first, last)),
            ("recommendation-feedback.v1", "RECOMMENDATION_SHOWN", PAGE, (first, last)),
            ("catalog.v1", "CATEGORY_CREATED", ABOUT_A_PRODUCT, (across, last)),
            ("catalog.v1", "PRODUCT_CREATED", ABOUT_A_PRODUCT, (across, last)),
            ("catalog.v1", "STOCK_CHANGED", ABOUT_A_PRODUCT, (across, last)),
            ("catalog.v1", "SPECIAL_PRICE_SET", ABOUT_A_PRODUCT, (across, last)),
        ):
            taken = take(connection, [(topic, 0)], last + 1)[topic, 0]
            connection.execute(EVENTS.format(table=TOPICS[topic].table, data=data), (kind, *taken, *numbers))


@dataclass(frozen=True)
class Grown:
    """A shop that has grown by a fifth in one run."""

    shop: Shop
    connection: psycopg.Connection
    """The superuser's: statistics are nobody else's to set."""
    increments: dict[str, str]
    """What each model asked for in that run."""
    wholes: dict[str, str]
    """What it asks for in a full refresh."""


@pytest.fixture(scope="module")
def grown(module_shop: Shop, target: Path, postgres_server: Postgres) -> Iterator[Grown]:
    def queries(rebuilt: str = "") -> dict[str, str]:
        with pytest.MonkeyPatch.context() as environment:  # as a run sets them: the target directory is the same
            environment.setenv("TANAWARI_RUN", str(module_shop.last_run()))
            environment.setenv("TANAWARI_REBUILT", rebuilt)
            module_shop.dbt("compile")
        nodes = json.loads((target / "manifest.json").read_text())["nodes"].values()
        return {
            node["unique_id"]: node["compiled_code"]
            for node in nodes
            if node["config"]["materialized"] == "incremental"
        }

    land(module_shop.warehouse, 1, BEFORE)
    module_shop.build()
    land(module_shop.warehouse, BEFORE + 1, AFTER)
    module_shop.build()
    increments = queries()
    wholes = queries(rebuilt=" ".join(increments))
    assert [name for name, query in increments.items() if query == wholes[name]] == []
    url = postgres_server.url(module_shop.database)
    with psycopg.connect(url, options="-c statement_timeout=20s -c work_mem=64MB") as connection:
        yield Grown(module_shop, connection, increments, wholes)


def plan_of(connection: psycopg.Connection, query: str, options: str = "") -> dict:
    found = connection.execute(f"explain ({options} format json) {query}").fetchone()
    assert found
    return found[0][0]["Plan"]


def rows_handled(plan: dict) -> float:
    """The rows that all nodes of a plan have given or thrown away."""
    kinds = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Join Filter")
    own = plan["Actual Loops"] * sum(plan.get(kind, 0) for kind in kinds)
    return own + sum(map(rows_handled, plan.get("Plans", ())))


@pytest.mark.parametrize("statistics", ["select 'as they are'", MISLEAD], ids=["right", "wrong"])
def test_a_fifth_new_at_once_is_no_more_work_than_a_full_refresh_whatever_the_statistics(grown: Grown, statistics: str):
    with grown.connection.transaction(force_rollback=True):
        grown.connection.execute(statistics)
        for name, query in grown.increments.items():
            increment, whole = (
                rows_handled(plan_of(grown.connection, each, "analyze, timing off,"))
                for each in (query, grown.wholes[name])
            )
            # all users are touched: theirs reads what a full refresh reads, and for each part which those are
            assert increment <= (3 if name == "model.tanawari.users" else 2) * whole, name


def test_the_planner_knows_how_much_is_touched(grown: Grown):
    assert grown.shop.rows("select count(*) from intermediate.int_orders__resolve") == [(AFTER,)]
    for name, least in (("orders", AFTER - BEFORE), ("products", AFTER - BEFORE), ("user_days", 100)):
        [(count,)] = grown.shop.rows(f"select count(*) from intermediate.touched_{name}")
        assert least <= count < AFTER / 2, name
        guess = plan_of(grown.connection, f"select from intermediate.touched_{name}")["Plan Rows"]
        assert guess == pytest.approx(count, rel=0.1), name


@pytest.mark.parametrize("mart", ["traffic_revenue", "traffic_sources"])
def test_the_figures_of_a_day_cost_what_happened_on_it(grown: Grown, mart: str):
    day, whole = (
        rows_handled(plan_of(grown.connection, f"select from merchandising.{mart} {days}", "analyze, timing off,"))
        for days in ("where session_date = '2026-01-10'", "")
    )
    assert day < whole / 5  # a fourteenth of all happened then
