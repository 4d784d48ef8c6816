import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest

from services.contracts.registry import parse
from shop_import import events
from shop_import.folder import MONEY, TABLES

MONDAY = datetime(2017, 1, 2, 12, 30)  # noqa: DTZ001 - as the folder has it
SHIFT = timedelta(weeks=10)


@pytest.fixture
def catalogue():
    return events.Catalogue(
        products=pl.DataFrame(
            {
                "sku": ["T", "E"],
                "product_id": [1, 2],
                "name": ["Tea", "Eggs"],
                "price": pl.Series([Decimal("4.00"), Decimal("2.50")], dtype=MONEY),
                "category_code": ["G", None],
            }
        ),
        categories=pl.DataFrame({"category_code": ["G"], "category_id": [7], "category_name": ["Grocery"]}),
    )


@pytest.fixture
def orders(catalogue):
    row = {"external_id": 'B"1', "user_id": "900", "ordered_at": MONDAY, "price": Decimal("2.00")}
    lines = pl.DataFrame(
        [
            {**row, "sku": "T", "quantity": 2, "amount": Decimal("3.99")},
            {**row, "sku": "E", "quantity": 1, "amount": Decimal("2.00")},
        ],
        TABLES["orders"],
    )
    return events.orders(lines, catalogue, "USD", SHIFT)


def action(**fields):
    row = {"source_id": "s1", "user_id": "900", "session_id": "x", "occurred_at": MONDAY, "simulated": True}
    return pl.DataFrame([{**row, **fields}], TABLES["actions"])


@pytest.mark.parametrize(("currency", "spelled"), [("JPY", "2"), ("USD", "2.00"), ("KWD", "2.000")])
def test_the_money_of_an_order_is_spelled_with_the_decimals_of_its_currency(catalogue, currency, spelled):
    row = {"external_id": "1", "user_id": "900", "ordered_at": MONDAY, "sku": "T", "quantity": 1}
    lines = pl.DataFrame([{**row, "price": Decimal(2), "amount": Decimal(2)}], TABLES["orders"])
    (event,) = events.order_events(events.orders(lines, catalogue, currency, SHIFT))["value"]
    data = json.loads(event)["data"]
    assert {data["totalAmount"], data["items"][0]["price"], data["items"][0]["amount"]} == {spelled}


def test_an_order_is_one_event_that_keeps_the_contract(orders):
    (row,) = events.order_events(orders).rows(named=True)
    event, order = parse("order.v1", row["value"].encode())
    assert event.event_type == "ORDER_COMPLETED"
    assert event.timestamp == MONDAY.replace(tzinfo=UTC) + SHIFT
    assert order.external_id == 'B"1'
    assert [(line.product_id, line.quantity, line.amount) for line in order.items] == [
        (1, 2, Decimal("3.99")),
        (2, 1, Decimal("2.00")),
    ]
    assert order.total_amount == Decimal("5.99")
    assert order.currency == "USD"
    assert row["key"] == str(order.order_id)


def test_an_order_is_one_action_of_its_user(orders):
    (row,) = events.order_actions(orders).rows(named=True)
    event, taken = parse("user-actions.v1", row["value"].encode())
    assert event.event_type == "ORDER_COMPLETE"
    assert row["key"] == taken.user_id == "900"
    assert not taken.simulated


def test_the_same_order_is_the_same_event_in_every_run(orders):
    assert events.order_events(orders).equals(events.order_events(orders))


def test_order_and_action_are_two_events(orders):
    completed, taken = events.order_events(orders)["value"].item(), events.order_actions(orders)["value"].item()
    assert parse("order.v1", completed.encode())[0].event_id != parse("user-actions.v1", taken.encode())[0].event_id


def test_a_simulated_view_says_so_and_what_was_seen(catalogue):
    value = events.actions(action(action_type="PRODUCT_VIEWED", sku="T"), catalogue, "USD", SHIFT)["value"].item()
    _, view = parse("user-actions.v1", value.encode())
    assert view.simulated
    assert (view.product_id, view.product_name, view.product_price) == (1, "Tea", Decimal("4.00"))
    assert (view.category_id, view.category_name) == (7, "Grocery")


def test_a_search_by_category_names_the_category_searched(catalogue):
    table = action(action_type="SEARCH_BY_CATEGORY", category_code="G")
    _, search = parse("user-actions.v1", events.actions(table, catalogue, "USD", SHIFT)["value"].item().encode())
    assert (search.search_category_id, search.search_category_name) == (7, "Grocery")


def test_a_line_of_an_unknown_product_is_refused(catalogue):
    row = {"external_id": "B1", "user_id": "900", "ordered_at": MONDAY, "sku": "?", "quantity": 1}
    lines = pl.DataFrame([{**row, "price": Decimal(1), "amount": Decimal(1)}], TABLES["orders"])
    with pytest.raises(ValueError, match="1 order lines name products that catalog did not accept"):
        events.orders(lines, catalogue, "USD", SHIFT)


def back(**fields):
    row = {"return_id": "C9", "external_id": "B1", "user_id": "900", "returned_at": MONDAY, "quantity": 1}
    return pl.DataFrame([{**row, **fields}], TABLES["returns"])


@pytest.mark.parametrize(
    ("is_whole", "kinds"),
    [(False, ("RETURN_COMPLETED", "ORDER_RETURN_COMPLETE")), (True, ("ORDER_CANCELLED", "ORDER_CANCEL"))],
)
def test_what_comes_back_is_a_return_and_all_of_an_order_its_cancellation(catalogue, is_whole, kinds):
    of_orders, of_users = events.returns(back(sku="T", is_whole=is_whole), catalogue, SHIFT)

    told, returned = parse("order.v1", of_orders["value"].item().encode())
    done, action_taken = parse("user-actions.v1", of_users["value"].item().encode())

    assert (told.event_type, done.event_type) == kinds
    assert told.timestamp == done.timestamp == MONDAY.replace(tzinfo=UTC) + SHIFT
    assert returned.order_id == action_taken.order_id
    assert of_orders["key"].item() == str(returned.order_id)
    assert is_whole or [(line.product_id, line.quantity) for line in returned.items] == [(1, 1)]


def test_what_comes_back_of_an_unknown_product_is_refused(catalogue):
    with pytest.raises(ValueError, match="1 order lines name products"):
        events.returns(back(sku="nobody sold this", is_whole=True), catalogue, SHIFT)
