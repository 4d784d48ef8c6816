"""What is read from the marts to learn from, and how it is kept."""

from datetime import UTC, datetime

import psycopg
import pytest

from pipelines.training_set import FOLDER, TrainingSet
from pipelines.warehouse import Warehouse

CUT = datetime(2026, 11, 2, tzinfo=UTC)
MARTS = """
    create schema core; create schema recommendation; create schema behaviour;
    create table recommendation.interactions (user_id text, product_id bigint, order_id bigint, ordered_at timestamptz);
    insert into recommendation.interactions values
        ('ann', 1, 10, '2026-11-01'), ('ann', 1, 11, '2026-11-03'), ('unwilling', 1, 12, '2026-11-01');
    create table recommendation.negative_interactions (
        user_id text, product_id bigint, order_id bigint, ordered_at timestamptz
    );
    insert into recommendation.negative_interactions values
        ('returned', 1, 22, '2026-11-01'), ('unwilling', 1, 26, '2026-11-01'), ('later', 1, 27, '2026-11-03');
    create table core.users (user_id text, is_learned_from boolean);
    insert into core.users values ('ann', true), ('unwilling', false);
    create table core.products (
        product_id bigint, parent_id bigint, sku text, name text, price numeric, currency text, image text,
        rating numeric, brand text, department text, category text, product_type text, category_id bigint,
        category_code text, category_name text,
        is_active boolean, is_known boolean default true, stock int, special_price numeric,
        special_starts_at timestamptz, special_ends_at timestamptz
    );
    insert into core.products (product_id, parent_id, sku, name, price, currency, rating, is_active, stock) values
        (1, 3, 'M-1', 'milk', 1, 'USD', 0, true, 1), (2, null, 'F-1', 'fuel', 1, 'USD', 0, true, 1),
        (3, null, 'O-1', 'old', 1, 'USD', 0, false, 0);
    insert into core.products (product_id, name, is_known) values (4, 'Unknown product', false);
    create table recommendation.item_features (product_id bigint, pseudo_reason text);
    insert into recommendation.item_features values (1, null), (2, 'department is FUEL'), (3, null);
    create table behaviour.product_views (user_id text, product_id bigint, occurred_at timestamptz, is_bot boolean);
    create table behaviour.actions (
        user_id text, product_id bigint, action_type text, quantity int, occurred_at timestamptz, is_bot boolean
    );
    insert into behaviour.actions values
        ('unwilling', 1, 'CART_ADD', 1, '2026-11-01 01:00', false),
        ('cart', 1, 'CART_ADD', 1, '2026-11-01 01:00', false), ('cart', 1, 'CART_UPDATE', 2, '2026-11-01 02:00', false),
        ('cart', 1, 'CART_UPDATE', 0, '2026-11-01 03:00', false), ('cart', 1, 'CART_ADD', 1, '2026-11-01 04:00', true);
    create table core.order_items (
        user_id text, product_id bigint, quantity int, returned_quantity int, is_cancelled boolean,
        ordered_at timestamptz, order_id bigint
    );
    insert into core.order_items values
        ('unwilling', 1, 1, 0, false, '2026-11-01', 25),
        ('kept', 1, 1, 0, false, '2026-11-01', 20), ('cancelled', 1, 1, 0, true, '2026-11-01', 21),
        ('returned', 1, 2, 2, false, '2026-11-01', 22), ('later', 1, 1, 0, false, '2026-11-03', 23),
        ('returned half', 1, 1, 1, false, '2026-11-01', 24), ('returned half', 1, 2, 0, false, '2026-11-01', 24);
"""


@pytest.fixture
def found(database) -> TrainingSet:
    """Read from marts made by hand."""
    url = database("marts")
    with psycopg.connect(url) as connection:
        connection.execute(MARTS)
    return TrainingSet.query(Warehouse(url=url), CUT)


def test_only_purchases_before_the_cut_are_learnt_from(found):
    assert found.interactions["order_id"].to_list() == [10]


def test_nothing_is_learnt_from_users_who_do_not_want_it(found):
    users = {*found.interactions["user_id"], *found.activity["user_id"]}

    assert (users & {"ann", "cart", "unwilling"}) == {"ann", "cart"}


def test_what_was_cancelled_or_sent_back_does_not_count_as_bought(found):
    bought = found.activity.filter(kind="BUY").sort("user_id").select("user_id", "kind", "order_id", "quantity").rows()

    assert bought == [("kept", "BUY", 20, 1), ("returned half", "BUY", 24, 3)]


def test_what_was_sent_back_before_the_cut_is_known_but_not_of_users_who_do_not_want_it(found):
    assert found.returned["order_id"].to_list() == [22]


def test_what_was_set_to_none_is_no_longer_in_the_cart(found):
    in_cart = found.activity.filter(user_id="cart").sort("occurred_at")["kind"].to_list()

    assert in_cart == ["CART", "CART", "UNCART"]


def test_items_bear_the_shops_own_ids(found):
    items = found.items.sort("product_id")
    assert (items["sku"].to_list(), items["parent_id"].to_list()) == (["M-1", "F-1", "O-1"], [3, None, None])


def test_what_is_no_product_is_told_from_what_is_not_on_sale(found):
    flags = found.items.sort("product_id").select("is_recommendable", "is_active").rows()

    assert flags == [(True, True), (False, True), (True, False)]


def test_a_training_set_made_anew_leaves_the_days_other_files(found, tmp_path):
    found.write(tmp_path)
    (tmp_path / "challenger.json").write_text("{}")

    found.write(tmp_path)

    assert {file.name for file in tmp_path.iterdir()} == {FOLDER, "challenger.json"}
    read = TrainingSet.read(tmp_path)
    assert read.interactions.equals(found.interactions)
    assert read.returned.equals(found.returned)


def test_a_training_set_of_an_older_release_has_no_returned_lines(found, tmp_path):
    found.write(tmp_path)
    (tmp_path / FOLDER / "returned.parquet").unlink()

    assert TrainingSet.read(tmp_path).returned.is_empty()
