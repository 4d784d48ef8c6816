from datetime import UTC, datetime

import pytest

from services.content import mirror
from services.contracts.events.catalog import (
    CategoryDeleted,
    CategorySnapshot,
    ProductDeleted,
    ProductSnapshot,
    SpecialPriceEnded,
    SpecialPriceSet,
    StockChanged,
)

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def tea(price, product_version=0, *, stock=5, stock_version=0):
    return ProductSnapshot(
        product_id=1, sku="tea", name="Tea", price=price, stock=stock,
        product_version=product_version, stock_version=stock_version,
    )  # fmt: skip


def stock(units, version=0):
    return StockChanged(product_id=1, stock=units, stock_version=version)


def offer(price, version=0):
    return SpecialPriceSet(product_id=1, special_price=price, start_date=BEGIN, offer_version=version)


def ended(version=0):
    return SpecialPriceEnded(product_id=1, offer_version=version)


DELETED = ProductDeleted(product_id=1, sku="tea")


def after(*payloads, unknown=mirror.UNKNOWN_PRODUCT):
    copy = dict(unknown)
    for payload in payloads:
        mirror.apply(copy, payload)
    return copy


def test_an_offer_keeps_its_own_currency():
    assert after(tea("2"), offer("1"))["special_currency"] == "JPY"
    assert after(tea("2"), offer("1", 1), ended(2))["special_currency"] is None


def test_an_old_snapshot_leaves_the_newer_price():
    assert str(after(tea("2", 2), tea("1", 1))["price"]) == "2"


def test_an_old_snapshot_gives_what_it_has_that_is_newer():
    copy = after(tea("2", 2, stock=5, stock_version=1), tea("1", 1, stock=3, stock_version=2))
    assert (str(copy["price"]), copy["stock"]) == ("2", 3)


def test_a_newer_snapshot_with_an_old_stock_leaves_the_newer_stock():
    copy = after(stock(0, 2), tea("1", 1, stock=5, stock_version=1))
    assert (str(copy["price"]), copy["stock"]) == ("1", 0)


@pytest.mark.parametrize("events", [(offer("1", 1), tea("2", 2)), (tea("2", 2), offer("1", 1))])
def test_a_product_swallows_no_offer_that_comes_before_or_after_it(events):
    assert str(after(*events)["special_price"]) == "1"


def test_an_offer_that_has_ended_does_not_come_back():
    assert after(tea("2", 1), ended(2), offer("1", 1))["special_price"] is None


@pytest.mark.parametrize("late", [tea("1", 9, stock_version=9), stock(5, 9), offer("1", 9)])
def test_a_deletion_is_final(late):
    assert after(DELETED, late) == after(DELETED)


def test_events_without_versions_apply_in_the_order_in_which_they_come():
    copy = after(tea("1"), stock(3), tea("2", stock=4), offer("1"), ended())
    assert (str(copy["price"]), copy["stock"], copy["special_price"]) == ("2", 4, None)


def test_an_event_without_version_is_older_than_any_with_one():
    assert str(after(tea("2", 1), tea("1"))["price"]) == "2"


def test_a_category_keeps_its_newer_name_and_its_deletion():
    new, old = (
        CategorySnapshot(category_id=7, code="TEA", name=name, category_version=version)
        for name, version in (("Teas", 2), ("Tea", 1))
    )
    gone = CategoryDeleted(category_id=7, code="TEA")
    assert after(new, old, unknown=mirror.UNKNOWN_CATEGORY)["name"] == "Teas"
    assert after(gone, new, unknown=mirror.UNKNOWN_CATEGORY)["name"] is None
