from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from services.contracts.prices import Offer, Price, line_amount, price_at

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
YEN = Price(Decimal(500), "JPY")


def offer(amount=400, currency="JPY", starts_at=NOON, ends_at=None):
    return Offer(Decimal(amount), currency, starts_at, ends_at)


def test_without_an_offer_the_price_is_true():
    assert price_at(NOON, YEN, None) == 500


def test_an_offer_holds_from_its_start_until_before_its_end():
    short = offer(ends_at=NOON + MINUTE)
    assert [price_at(NOON + n * MINUTE, YEN, short) for n in (-1, 0, 1)] == [500, 400, 500]


@pytest.mark.parametrize("untrue", [offer(500), offer(600), offer(4, "USD")])
def test_an_offer_that_is_not_below_the_price_or_of_another_currency_is_not_true(untrue):
    assert price_at(NOON, YEN, untrue) == 500


def test_an_offer_of_unknown_currency_is_taken_for_the_prices():
    assert price_at(NOON, YEN, offer(currency=None)) == 400


@pytest.mark.parametrize(
    ("price", "currency", "amount"), [("12.30", "USD", "36.90"), ("5", "JPY", "15"), ("1.5", "KWD", "4.500")]
)
def test_an_amount_has_the_decimals_of_its_currency(price, currency, amount):
    assert str(line_amount(Decimal(price), 3, currency)) == amount
