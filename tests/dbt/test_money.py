"""Money of several currencies is kept apart, in the decimals of each."""

from decimal import Decimal

import pytest
import yaml

from services.contracts.money import UNUSUAL_DIGITS
from tests.dbt.conftest import PROJECT
from tests.dbt.shop import Shop, category, event, order, product


def test_dbt_and_the_contracts_give_currencies_the_same_digits():
    variables = yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"]
    none, three = (variables[f"currencies_{how}"].split() for how in ("without_decimals", "with_three_decimals"))
    assert dict.fromkeys(none, 0) | dict.fromkeys(three, 3) == UNUSUAL_DIGITS


def bought(order_id: int, currency: str, price: str) -> dict:
    """Three units of product 1 at a price, two of which come back."""
    made = order(order_id, (1, 3), hours=order_id)
    amount = str(3 * Decimal(price))
    made["data"] |= {"currency": currency, "totalAmount": amount}
    made["data"]["items"][0] |= {"price": price, "amount": amount}
    return made


def back(order_id: int) -> dict:
    items = [{"productId": 1, "quantity": 2}]
    return event("RETURN_COMPLETED", 9, returnId=order_id, orderId=order_id, userId="ann", items=items)


@pytest.fixture
def three_currencies(shop: Shop) -> Shop:
    """Of each order a third is kept, which leaves more decimals than its currency has."""
    shop.land(category(1, "GROCERY > TEA"), product(1, 1))
    shop.land(bought(1, "JPY", "100"), bought(2, "USD", "0.05"), bought(3, "KWD", "0.005"), bought(4, "JPY", "7"))
    shop.land(*map(back, (1, 2, 3, 4)))
    shop.build()
    return shop


def test_what_was_kept_is_rounded_to_the_decimals_of_its_currency(shop: Shop):
    shop.land(category(1, "GROCERY > TEA"), product(1, 1))
    for order_id, currency, amount in ((1, "JPY", "1000"), (2, "USD", "10.00"), (3, "KWD", "1.000")):
        made = bought(order_id, currency, "1")
        made["data"] |= {"totalAmount": amount}
        made["data"]["items"][0] |= {"amount": amount}
        shop.land(made, back(order_id))
    shop.build()
    kept = [(Decimal(333),), (Decimal("3.33"),), (Decimal("0.333"),)]
    assert shop.rows("select kept_amount from core.orders order by order_id") == kept
    assert shop.rows("select amount from recommendation.interactions order by order_id") == kept


def test_money_of_two_currencies_is_never_added(three_currencies: Shop):
    sums = [("JPY", Decimal(107)), ("KWD", Decimal("0.005")), ("USD", Decimal("0.05"))]
    for query in (
        "select currency, total_amount from core.user_spending where user_id = 'ann' order by 1",
        "select currency, sum(revenue) from merchandising.product_revenue group by 1 order by 1",
    ):
        assert three_currencies.rows(query) == sums


def test_lines_interactions_and_orders_say_the_currency_of_their_money(three_currencies: Shop):
    currencies = [(1, "JPY"), (2, "USD"), (3, "KWD"), (4, "JPY")]
    for table in ("core.orders", "core.order_items", "recommendation.interactions"):
        assert three_currencies.rows(f"select order_id, currency from {table} order by 1") == currencies


def test_an_offer_in_another_currency_than_the_price_is_none(shop: Shop):
    shop.land(product(1, currency="USD"), product(2, currency="USD"))
    for product_id, currency in ((1, "USD"), (2, "JPY")):
        shop.land(event("SPECIAL_PRICE_SET", productId=product_id, specialPrice="1", currency=currency,
                        startDate="2026-01-01T00:00:00Z"))  # fmt: skip
    shop.build()
    assert shop.rows("select special_price from core.products order by product_id") == [(Decimal(1),), (None,)]
