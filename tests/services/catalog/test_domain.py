from datetime import UTC, datetime
from decimal import Decimal

import pytest

from services.catalog.domain import Refused, events_between, level_of, new_product, parent_code

TEA = new_product(1, "tea", {"name": "Tea", "price": Decimal("4.00"), "stock": 3}).with_next_versions(None)
OFFER = {"price": Decimal("3.00"), "start_date": datetime(2026, 1, 1, tzinfo=UTC), "end_date": None}


def kinds(before, after):
    return [event_type for event_type, _ in events_between(before, after.with_next_versions(before))]


def versions(state):
    return state.product.product_version, state.product.stock_version, state.offer_version


def test_a_product_needs_a_name_and_a_price_to_be_created():
    with pytest.raises(Refused) as refusal:
        new_product(1, "tea", {"name": "Tea"})
    assert refusal.value.field == "price"


def test_a_product_that_did_not_change_tells_nothing():
    assert kinds(TEA, TEA.changed({"name": "Tea", "stock": 3})) == []


def test_a_new_product_with_an_offer_tells_of_both():
    assert kinds(None, TEA.changed({"special_price": OFFER})) == ["PRODUCT_CREATED", "SPECIAL_PRICE_SET"]


def test_stock_that_alone_changed_is_not_an_update():
    assert kinds(TEA, TEA.changed({"stock": 2})) == ["STOCK_CHANGED"]


def test_stock_and_name_tell_two_events():
    assert kinds(TEA, TEA.changed({"stock": 2, "name": "Green tea"})) == ["PRODUCT_UPDATED", "STOCK_CHANGED"]


def test_an_offer_that_is_taken_away_has_ended():
    offered = TEA.changed({"special_price": OFFER})
    assert kinds(offered, offered.changed({"special_price": None})) == ["SPECIAL_PRICE_ENDED"]


def test_a_special_price_is_below_the_price():
    with pytest.raises(Refused, match="below the price"):
        TEA.changed({"special_price": {**OFFER, "price": Decimal("4.00")}})


def test_an_offer_is_judged_by_the_price_that_comes_with_it():
    dearer = TEA.changed({"price": Decimal("5.00"), "special_price": {**OFFER, "price": Decimal("4.00")}})
    assert dearer.offer.special_price == Decimal("4.00")


def test_an_offer_follows_the_currency_of_its_product():
    offered = TEA.changed({"special_price": OFFER})
    assert offered.changed({"currency": "USD"}).offer.currency == "USD"


def test_a_currency_without_the_decimals_of_the_price_is_refused():
    with pytest.raises(Refused, match=r"price must have no more decimals than JPY has"):
        TEA.changed({"price": Decimal("4.50"), "currency": "USD"}).changed({"currency": "JPY"})


def test_a_category_lies_below_the_rest_of_its_path():
    assert [parent_code(code) for code in ("A", "A > B", "A > B > C")] == [None, "A", "A > B"]
    assert [level_of(code) for code in ("A", "A > B", "A > B > C")] == [1, 2, 3]


def test_an_offer_that_is_no_longer_below_the_price_has_ended():
    offered = TEA.changed({"special_price": OFFER})
    cheaper = offered.changed({"price": OFFER["price"]})
    assert kinds(offered, cheaper) == ["PRODUCT_UPDATED", "SPECIAL_PRICE_ENDED"]


def test_a_new_product_has_first_versions_of_the_parts_it_has():
    assert versions(TEA) == (1, 1, 0)


def test_each_part_has_a_version_that_grows_with_its_own_changes():
    sold = TEA.changed({"stock": 2}).with_next_versions(TEA)
    offered = sold.changed({"special_price": OFFER}).with_next_versions(sold)
    renamed = offered.changed({"name": "Green tea", "stock": 1}).with_next_versions(offered)
    assert [versions(state) for state in (sold, offered, renamed)] == [(1, 2, 0), (1, 2, 1), (2, 3, 1)]


def test_an_event_carries_the_version_of_what_it_tells():
    offered = TEA.changed({"special_price": OFFER}).with_next_versions(TEA)
    after = offered.changed({"name": "Green tea", "stock": 2, "special_price": None}).with_next_versions(offered)
    product, stock, offer = (data for _, data in events_between(offered, after))
    assert (product.product_version, product.stock_version) == (2, 2)
    assert (stock.stock_version, offer.offer_version) == (2, 2)
