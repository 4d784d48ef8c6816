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


def bought(order_id: int, currency: str, price: str, product_id: int = 1) -> dict:
    """Three units of a product at a price, two of which come back."""
    made = order(order_id, (product_id, 3), user=f"user{product_id}", hours=order_id)
    amount = str(3 * Decimal(price))
    made["data"] |= {"currency": currency, "totalAmount": amount}
    made["data"]["items"][0] |= {"price": price, "amount": amount}
    return made


def costing(order_id: int, currency: str, amount: str) -> dict:
    """Three units of product 2 that cost an amount together, which has no third."""
    made = bought(order_id, currency, "1", product_id=2)
    made["data"] |= {"totalAmount": amount}
    made["data"]["items"][0] |= {"amount": amount}
    return made


def back(sold: dict) -> dict:
    order_id, product_id = sold["data"]["orderId"], sold["data"]["items"][0]["productId"]
    items = [{"productId": product_id, "quantity": 2}]
    user = sold["data"]["userId"]
    return event("RETURN_COMPLETED", 20, returnId=order_id, orderId=order_id, userId=user, items=items)


def offer(product_id: int, currency: str) -> dict:
    return event("SPECIAL_PRICE_SET", productId=product_id, specialPrice="1", currency=currency,
                 startDate="2026-01-01T00:00:00Z")  # fmt: skip


@pytest.fixture(scope="module")
def shop(module_shop: Shop) -> Shop:
    """Orders 1 to 4 and 11 to 13, of which a third is kept, which leaves more decimals than its currency has."""
    sold = [
        *(bought(1, "JPY", "100"), bought(2, "USD", "0.05"), bought(3, "KWD", "0.005"), bought(4, "JPY", "7")),
        *(costing(11, "JPY", "1000"), costing(12, "USD", "10.00"), costing(13, "KWD", "1.000")),
    ]
    module_shop.land(category(1, "GROCERY > TEA"), product(1, 1), product(2, 1), *sold, *map(back, sold))
    module_shop.land(product(3, currency="USD"), product(4, currency="USD"), offer(3, "USD"), offer(4, "JPY"))
    module_shop.build()
    return module_shop


def test_what_was_kept_is_rounded_to_the_decimals_of_its_currency(shop: Shop):
    kept = [(Decimal(333),), (Decimal("3.33"),), (Decimal("0.333"),)]
    assert shop.rows("select kept_amount from core.orders where order_id > 10 order by order_id") == kept
    assert shop.rows("select amount from recommendation.interactions where order_id > 10 order by order_id") == kept


def test_money_of_two_currencies_is_never_added(shop: Shop):
    sums = [("JPY", Decimal(107)), ("KWD", Decimal("0.005")), ("USD", Decimal("0.05"))]
    for query in (
        "select currency, total_amount from core.user_spending where user_id = 'user1' order by 1",
        "select currency, sum(revenue) from merchandising.product_revenue where product_id = 1 group by 1 order by 1",
    ):
        assert shop.rows(query) == sums


def test_lines_interactions_and_orders_say_the_currency_of_their_money(shop: Shop):
    currencies = [(1, "JPY"), (2, "USD"), (3, "KWD"), (4, "JPY")]
    for table in ("core.orders", "core.order_items", "recommendation.interactions"):
        assert shop.rows(f"select order_id, currency from {table} where order_id < 10 order by 1") == currencies


def test_an_offer_in_another_currency_than_the_price_is_none(shop: Shop):
    offers = "select special_price from core.products where product_id in (3, 4) order by product_id"
    assert shop.rows(offers) == [(Decimal(1),), (None,)]
