import polars as pl
import pytest

from demo.completejourney import convert
from shop_import.folder import TABLES, read_manifest, read_table


@pytest.fixture(scope="module")
def products(journey):
    return read_table(journey[0], "products")


@pytest.fixture(scope="module")
def orders(journey):
    return read_table(journey[0], "orders")


def test_the_counts_are_those_of_the_data_set(journey):
    counts = journey[1].counts
    assert counts["zero_quantity_lines_left_out"] == 8_869
    assert counts["order_lines"] == 1_469_307 - 8_869
    assert counts["products"] == 92_348
    assert counts["placeholder_products"] == 17
    assert counts["users"] == 2_469


def test_the_folder_is_what_is_documented(journey):
    folder, manifest = journey
    assert read_manifest(folder) == manifest
    for name in TABLES.keys() - {"returns"}:  # of which the data set tells nothing
        assert len(read_table(folder, name)) > 0


def test_names_differ(products, journey):
    assert products["name"].is_unique().all()
    assert read_table(journey[0], "categories")["name"].is_unique().all()


def test_a_name_is_made_of_type_size_brand_kind_and_code(products):
    name = products.filter(pl.col("sku") == "26190")["name"].item()
    assert name == "Apple Sauce 50 oz, store brand 26190"


def test_placeholders_are_inactive_and_in_no_category(products):
    placeholders = products.filter(~pl.col("is_active"))
    assert placeholders["category_code"].null_count() == 17
    assert products["category_code"].null_count() == 17


def test_parents_stand_before_their_children(journey):
    seen = set()
    for code in read_table(journey[0], "categories")["code"]:
        parent = code.rpartition(" > ")[0]
        assert not parent or parent in seen
        seen.add(code)


def test_special_prices_are_below_the_price_and_hold_for_two_weeks(products):
    offers = products.filter(pl.col("special_price").is_not_null())
    assert len(offers) > 1_000
    assert (offers["special_price"] < offers["price"]).all()
    assert (offers["special_ends_at"] - offers["special_starts_at"]).unique().dt.total_days().to_list() == [14]


def test_every_price_is_at_least_a_cent_and_what_has_not_sold_for_long_is_out_of_stock(products):
    assert products["price"].min() > 0
    assert 0 < (products["stock"] > 0).sum() < len(products)


def test_orders_are_in_time_order_with_their_lines_together(orders):
    assert orders["ordered_at"].is_sorted()
    assert orders["external_id"].rle().len() == orders["external_id"].n_unique()


def test_simulated_actions_are_marked_and_repeatable(journey, tmp_path):
    actions = read_table(journey[0], "actions")
    assert actions["simulated"].all()
    assert actions["source_id"].is_unique().all()
    assert actions["occurred_at"].is_sorted()
    assert actions["occurred_at"].max() <= journey[1].last_event_at.replace(tzinfo=None)
    convert(tmp_path)
    assert read_table(tmp_path, "actions").equals(actions)


def test_shrinking_keeps_the_busiest_users_and_what_they_bought(tmp_path):
    manifest = convert(tmp_path, users=20, days=90)
    kept = read_table(tmp_path, "orders")
    assert manifest.counts["users"] == 20
    assert kept["ordered_at"].max() - kept["ordered_at"].min() <= pl.Series([90 * 86_400_000_000]).cast(pl.Duration)[0]
    assert set(kept["sku"]) == set(read_table(tmp_path, "products")["sku"])
