"""Money has as many decimals as its currency, and one spelling."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts import string_formats
from services.contracts.envelope import Event, payload_of
from services.contracts.events.actions import ProductViewed
from services.contracts.events.order import OrderLine, OrderSnapshot
from services.contracts.fast_reader import read_fast
from services.contracts.money import digits_of, exact, shown
from services.contracts.registry import EVENTS, ContractError, parse

CURRENCIES = st.sampled_from(["JPY", "USD", "EUR", "KWD", "TND"])
LARGEST = 10**12


@st.composite
def money(draw: st.DrawFn) -> tuple[Decimal, str]:
    """An amount, and its currency."""
    currency = draw(CURRENCIES)
    places = draw(st.integers(0, digits_of(currency)))
    return draw(st.decimals(0, LARGEST - 1, places=places)), currency


def order(amount: Decimal | str, currency: str) -> OrderSnapshot:
    line = OrderLine(product_id=3, quantity=1, price=amount, amount=amount)
    return OrderSnapshot(order_id=1, user_id="900", items=[line], total_amount=amount, currency=currency)


def message(currency: str, **amounts: str) -> bytes:
    """An order of one line as somebody else may write it."""
    event = Event.of("ORDER_COMPLETED", order("1", currency), producer="order")
    written = json.loads(event.to_bytes())
    written["data"]["items"][0] |= {name: amounts[name] for name in ("price", "amount") if name in amounts}
    written["data"] |= {name: amounts[name] for name in ("totalAmount",) if name in amounts}
    return json.dumps(written).encode()


@pytest.mark.parametrize(("currency", "digits"), [("JPY", 0), ("USD", 2), ("KWD", 3), ("XYZ", 2)])
def test_a_currency_says_how_many_decimals_an_amount_has(currency, digits):
    assert digits_of(currency) == digits


@pytest.mark.parametrize(
    ("amount", "currency", "spelled"),
    [
        ("1200.000", "JPY", "1200"),
        ("12.3", "USD", "12.30"),
        ("4.5", "KWD", "4.500"),
        ("12.30", None, "12.3"),
        ("1.505", "USD", "1.505"),  # of a product whose currency has changed
    ],
)
def test_an_amount_is_shown_with_the_decimals_of_its_currency(amount, currency, spelled):
    assert str(shown(Decimal(amount), currency)) == spelled


@given(money())
def test_an_amount_travels_in_one_spelling_and_reads_back_as_it_was(given):
    amount, currency = given
    event = Event.of("ORDER_COMPLETED", order(amount, currency), producer="order")

    (line,) = event.data["items"]
    assert {event.data["totalAmount"], line["price"], line["amount"]} == {f"{amount:.{digits_of(currency)}f}"}
    assert parse("order.v1", event.to_bytes())[1].total_amount == amount
    assert read_fast("order.v1", event.to_bytes()) is not None


@given(money(), st.integers(0, 3))
def test_zeros_at_its_end_do_not_make_it_another_amount(given, zeros):
    amount, currency = given
    longer = str(amount.quantize(Decimal(1).scaleb(-max(zeros, digits_of(currency)))))

    _, read = parse("order.v1", message(currency, totalAmount=longer, amount=longer))
    assert payload_of(read)["totalAmount"] == str(exact(amount, currency)) == payload_of(read.items[0])["amount"]


@pytest.mark.parametrize(("field", "place"), [("totalAmount", "totalAmount"), ("price", "items"), ("amount", "items")])
@pytest.mark.parametrize(("currency", "finer"), [("JPY", "0.5"), ("USD", "0.005")])
def test_money_that_is_finer_than_its_currency_is_refused_by_field(field, place, currency, finer):
    written = message(currency, **{field: finer})

    assert read_fast("order.v1", written) is None
    with pytest.raises(ContractError, match=rf"{place}.* no more decimals than {currency} has") as refused:
        parse("order.v1", written)
    assert refused.value.reason == "BAD_PAYLOAD"


def test_a_price_without_a_currency_is_only_held_to_the_finest():
    assert ProductViewed(user_id="900", product_id=3, product_price="1.505").product_price == Decimal("1.505")


def _money_of(schema: dict) -> list[str]:
    pattern = json.dumps(string_formats.MONEY)
    return [name for name, part in schema["properties"].items() if pattern in json.dumps(part)]


PAID = [name for name, kind in EVENTS.items() if _money_of(kind.payload.model_json_schema())]


@pytest.mark.parametrize("name", PAID)
def test_the_currency_stands_before_the_amounts_that_are_held_to_it(name):
    schema = EVENTS[name].payload.model_json_schema()
    fields = list(schema["properties"])

    assert "currency" in fields[: min(fields.index(each) for each in _money_of(schema))]
