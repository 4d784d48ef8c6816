from datetime import UTC, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest

from shop_import.folder import TABLES
from shop_import.upload import current_offers
from stack.history import WEEK, whole_weeks_until

LAST = datetime(2018, 1, 1, 4, 1, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    "now", [LAST, LAST + timedelta(days=6.99), LAST + timedelta(days=7), datetime(2026, 11, 25, 3, tzinfo=UTC)]
)
def test_dates_move_by_the_most_whole_weeks_that_put_nothing_in_the_future(now):
    weeks = whole_weeks_until(now, LAST)
    assert LAST + weeks * WEEK <= now < LAST + (weeks + 1) * WEEK


def test_dates_never_move_back():
    assert whole_weeks_until(LAST - timedelta(days=30), LAST) == 0


@pytest.fixture
def offer():
    row = dict.fromkeys(TABLES["products"], None) | {
        "sku": "T",
        "special_price": Decimal("1.00"),
        "special_starts_at": datetime(2017, 12, 25),  # noqa: DTZ001 - as the folder has it
        "special_ends_at": datetime(2018, 1, 8),  # noqa: DTZ001
    }
    return pl.DataFrame([row, dict.fromkeys(TABLES["products"], None)], TABLES["products"])


def test_an_offer_that_has_not_ended_moves_with_the_history(offer):
    now = datetime(2018, 1, 14, tzinfo=UTC)
    moved = current_offers(offer, WEEK, now).row(0, named=True)
    assert moved["special_starts_at"].isoformat() == "2018-01-01T00:00:00"
    assert moved["special_ends_at"].isoformat() == "2018-01-15T00:00:00"
    assert not moved["renewed"]


@pytest.mark.parametrize("days", [0, 1, 13.9, 14, 100])
def test_an_offer_that_has_ended_begins_anew_for_the_same_length(offer, days):
    now = datetime(2018, 1, 15, tzinfo=UTC) + timedelta(days=days)
    moved = current_offers(offer, WEEK, now).row(0, named=True)
    assert moved["special_starts_at"].replace(tzinfo=UTC) <= now < moved["special_ends_at"].replace(tzinfo=UTC)
    assert moved["special_ends_at"] - moved["special_starts_at"] == timedelta(days=14)
    assert moved["renewed"]


def test_a_product_without_an_offer_gets_none(offer):
    moved = current_offers(offer, WEEK, datetime(2020, 1, 1, tzinfo=UTC)).row(1, named=True)
    assert moved["special_ends_at"] is None
    assert moved["renewed"] is False
