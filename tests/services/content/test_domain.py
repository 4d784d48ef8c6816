from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from services.content.domain import LONGEST_TRUTH, DisplayRow, compose
from services.contracts.envelope import DisplayType

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
KNOWN = {"stock": 5, "is_product_active": True}
OFFERED = {**KNOWN, "offer_price": Decimal(3), "offer_starts_at": NOW - HOUR, "offer_ends_at": NOW + HOUR}


def row(product_id, display_type="RECOMMENDED", **more):
    """A model row of everyone's, of a product that costs 4 and of which the catalog has said nothing."""
    blank = dict.fromkeys(DisplayRow.__dataclass_fields__)
    plain = {"rank": product_id, "priority": 0, "starts_at": NOW - HOUR, "product_price": Decimal(4)}
    return DisplayRow(**{**blank, **plain, "product_id": product_id, "display_type": display_type, **more})


def shown(rows, now=NOW, shelf=DisplayType.RECOMMENDED):
    return [item.row.product_id for item in compose(rows, now).shelves.get(shelf, [])]


def price(*rows, now=NOW):
    (items,) = compose(rows, now).shelves.values()
    return items[0].special_price


def test_a_users_own_rows_take_the_place_of_everyones_on_that_shelf_only():
    rows = [row(1), row(2, user_id="u1"), row(3, "SALE", **OFFERED)]
    assert shown(rows) == [2]
    assert shown(rows, shelf=DisplayType.SALE) == [3]


def test_pins_come_first_by_priority_and_stand_once():
    pins = [row(2, mode="pin", priority=1), row(3, mode="pin", priority=2)]
    assert shown([row(1), row(3), *pins]) == [3, 2, 1]


def test_a_product_stands_on_one_shelf_only_and_there_where_it_is_pinned():
    pins = [row(1, "RECOMMENDED", mode="pin"), row(1, "REPURCHASE", mode="pin")]
    models = [row(1, "CONTINUE_SHOPPING"), row(2, "CONTINUE_SHOPPING"), row(2, "RECOMMENDED"), row(3, "RECOMMENDED")]

    shelves = compose([*models, *pins], NOW).shelves

    found = {display_type.value: [item.row.product_id for item in items] for display_type, items in shelves.items()}
    assert found == {"CONTINUE_SHOPPING": [2], "REPURCHASE": [1], "RECOMMENDED": [3]}


def test_of_the_variants_of_a_parent_one_stands_on_the_page_the_pinned_one_first():
    rows = [row(1, parent_id=9), row(2, parent_id=9), row(3), row(4, "SALE", parent_id=9, **OFFERED)]
    assert shown(rows) == [1, 3]
    assert shown([*rows, row(2, mode="pin", parent_id=9)]) == [2, 3]


def test_a_hidden_parent_hides_its_variants():
    variants = [row(1, parent_id=9), row(2, mode="pin", parent_id=9), row(3)]
    assert shown([*variants, row(9, mode="hide", is_parent=True)]) == [3]


def test_a_hidden_variant_hides_itself_alone():
    assert shown([row(1, parent_id=9), row(2, parent_id=9), row(1, mode="hide", parent_id=9)]) == [2]


def test_a_parent_stands_there_only_if_it_is_pinned():
    assert shown([row(1, is_parent=True), row(2)]) == [2]
    assert shown([row(1, is_parent=True, mode="pin"), row(2)]) == [1, 2]


def test_a_hidden_product_stands_on_no_shelf_even_if_pinned():
    rows = [row(1), row(1, mode="pin"), row(1, "SALE", mode="hide"), row(2)]
    assert shown(rows) == [2]
    assert list(compose(rows, NOW).hidden) == [1]


@pytest.mark.parametrize("dates", [{"starts_at": NOW + HOUR}, {"ends_at": NOW}])
def test_a_manual_row_counts_within_its_dates_only(dates):
    assert shown([row(1), row(1, mode="hide", **dates)]) == [1]


@pytest.mark.parametrize(("said", "expected"), [({"stock": 0}, []), ({"is_product_active": False}, []), ({}, [1])])
def test_a_product_that_is_sold_out_or_inactive_is_not_shown(said, expected):
    assert shown([row(1, **{**KNOWN, **said})]) == expected


def test_a_pinned_product_is_shown_also_when_sold_out():
    assert shown([row(1, mode="pin", stock=0, is_product_active=True)]) == [1]


def test_a_product_of_which_the_catalog_has_said_nothing_is_shown_without_an_offer():
    assert price(row(1, offer_price=Decimal(3), offer_starts_at=NOW - HOUR)) is None


def test_a_special_price_in_another_currency_than_the_products_is_not_shown():
    offered = row(1, **OFFERED, currency="JPY", offer_currency="USD")
    assert price(offered) is None
    assert price(replace(offered, offer_currency="JPY")) == 3


def test_the_catalogs_offer_is_shown_while_it_is_true():
    offered = row(1, **OFFERED)
    assert [price(offered, now=NOW + shift) for shift in (-HOUR, HOUR - timedelta(seconds=1), HOUR)] == [3, 3, None]


def test_a_rows_own_end_ends_the_offer_too():
    assert price(row(1, ends_at=NOW, **OFFERED)) is None


def test_an_offer_that_is_not_below_the_price_is_none():
    assert price(row(1, **{**OFFERED, "offer_price": Decimal(4)})) is None


def test_the_sale_shelf_holds_only_what_is_on_offer():
    assert shown([row(1, "SALE", **OFFERED), row(2, "SALE", **KNOWN)], shelf=DisplayType.SALE) == [1]


def test_a_category_row_without_a_product_is_shown():
    rows = [row(None, rank=1, category_id=7), row(None, rank=2, category_id=8)]
    assert [item.row.category_id for item in compose(rows, NOW).shelves[DisplayType.RECOMMENDED]] == [7, 8]


def test_an_answer_is_true_until_the_next_date_and_no_longer_than_a_minute():
    soon = row(1, **{**OFFERED, "offer_ends_at": NOW + timedelta(seconds=9)})
    assert compose([soon], NOW).true_until == NOW + timedelta(seconds=9)
    assert compose([row(1)], NOW).true_until == NOW + LONGEST_TRUTH
    assert compose([row(1, **OFFERED)], NOW).true_until == NOW + LONGEST_TRUTH


@pytest.mark.parametrize(("promised", "is_shown"), [(None, True), (Decimal(3), True), (Decimal("2.5"), False)])
def test_a_row_that_promises_a_price_shows_at_that_price_only(promised, is_shown):
    rows = [row(1, mode="pin", promised_price=promised, **OFFERED)]
    assert shown(rows) == ([1] if is_shown else [])
