"""Whatever valid orders a shop has: they arrive whole, and the format does not matter."""

import csv
import gzip
import json
import tempfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from shop_import.checking import look_at
from shop_import.findings import Findings
from shop_import.folder import read_table
from shop_import.intake import History
from shop_import.mapping import Mapping, Shop
from tests.shop_import.conftest import NOW

SHOPS = [Shop(name="Shop", timezone="Europe/London", currency=currency) for currency in ("EUR", "JPY", "KWD")]
PRINTABLE = st.characters(exclude_categories=("C", "Z"), exclude_characters="/")
IDS = st.text(PRINTABLE, min_size=1, max_size=12)
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


@st.composite
def shops(draw):
    """A shop, and the lines of some of its orders, shuffled."""
    shop = draw(st.sampled_from(SHOPS))
    items = draw(st.lists(IDS, min_size=1, max_size=5, unique=True))
    lines = []
    for order in draw(st.lists(IDS, min_size=1, max_size=6, unique=True)):
        user, minutes = draw(IDS), draw(st.integers(0, 400_000))
        for _ in range(draw(st.integers(1, 4))):
            price = Decimal(draw(st.integers(0, 10_000_000))).scaleb(-shop.minor_digits)
            lines.append(
                {
                    "order_id": order,
                    "user_id": user,
                    "ordered_at": (FIRST + timedelta(minutes=minutes)).isoformat(),
                    "item_id": draw(st.sampled_from(items)),
                    "quantity": draw(st.integers(1, 1000)),
                    "price": f"{price:f}",
                }
            )
    return shop, draw(st.permutations(lines))


def write_csv(lines, folder):
    with gzip.open(folder / "orders.csv.gz", "wt", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]), delimiter="\t")
        writer.writeheader()
        writer.writerows(lines)


def write_ndjson(lines, folder):
    content = "".join(json.dumps(line | {"price": float(line["price"])}) + "\n" for line in lines)
    (folder / "orders.ndjson").write_text(content)


def write_parquet(lines, folder):
    typed = pl.col("price").cast(pl.Float64), pl.col("ordered_at").str.to_datetime(time_zone="Asia/Tokyo")
    pl.DataFrame(lines).with_columns(*typed).write_parquet(folder / "orders.parquet")


def taken_in(write, shop, lines):
    """The orders and products of a folder."""
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        write(lines, folder)
        history, findings = History(folder / "history"), Findings(folder)
        looked_at = look_at(folder, Mapping(), shop, now=NOW)
        assert history.take_in(looked_at, findings, lambda _: None, skip_bad=False, keep=True), findings.lines()
        columns = ["external_id", "sku", "quantity", "amount"]
        orders = read_table(history.folders[0], "orders")
        assert orders["ordered_at"].is_sorted()
        return orders.sort(columns), read_table(history.folders[0], "products")


@settings(max_examples=10)
@given(shops())
def test_orders_arrive_whole_and_alike_from_every_format(drawn):
    shop, lines = drawn
    orders, products = taken_in(write_csv, shop, lines)

    assert len(orders) == len(lines)
    assert orders["external_id"].n_unique() == len({line["order_id"] for line in lines})
    total = sum(line["quantity"] * Decimal(line["price"]) for line in lines)
    assert orders["amount"].sum() == total
    assert set(products["sku"]) == {line["item_id"] for line in lines}

    for write in (write_ndjson, write_parquet):
        again, same_products = taken_in(write, shop, lines)
        assert again.equals(orders)
        assert same_products["sku"].to_list() == products["sku"].to_list()
