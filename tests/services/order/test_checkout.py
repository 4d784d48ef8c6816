import asyncio
import json

import psycopg
import pytest

from services.payment.domain import Step
from services.payment.errors import OutcomeUnknownError
from services.payment.provider_local import LocalProvider
from tests.services.order.conftest import ADDRESS
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_what_is_in_the_cart_is_reserved_paid_and_confirmed(create, shopper, paid, events):
    tea, cup, anna = create("500"), create("1200"), shopper("anna")
    await anna.fill(tea, quantity=2)
    order = await anna.buy(cup)
    assert (order["totalAmount"], order["currency"], order["shippingAddress"]["id"]) == ("2200", "JPY", "home")
    lines = [(each["productId"], each["quantity"], each["price"], each["amount"]) for each in order["items"]]
    assert lines == [(tea.id, 2, "500", "1000"), (cup.id, 1, "1200", "1200")]
    assert (tea.stock, cup.stock, paid(order)) == (8, 9, ("CAPTURED", 0))
    assert events(order) == ["ORDER_CREATED", "ORDER_COMPLETED", "ORDER_COMPLETE"]
    await eventually(anna.cart, lambda left: left == {})


async def test_what_comes_into_the_cart_meanwhile_stays_there(create, shopper):
    tea, cup, bert = create(price="401"), create(), shopper("bert")
    await bert.fill(tea)
    order = await bert.check_out()
    await bert.fill(cup)
    await eventually(lambda: bert.read(order), lambda found: found["actionUrl"])
    await bert.act(order, approve=True)
    await bert.until(order, "CONFIRMED")
    await eventually(bert.cart, lambda left: left == {cup.id: 1})


async def test_a_declined_order_is_cancelled_and_leaves_no_trace_in_stock_or_cart(create, shopper, paid, events):
    tea, carl = create("402"), shopper("carl")
    order = await carl.buy(tea, until="CANCELLED")
    assert order["cancelReason"] == "declined by the local provider"
    await eventually(lambda: tea.stock, lambda stock: stock == 10)
    assert (await carl.cart(), paid(order)) == ({tea.id: 1}, ("DECLINED", 0))
    assert events(order) == ["ORDER_CREATED", "ORDER_CANCELLED", "ORDER_CANCEL"]


@pytest.mark.parametrize(("approve", "status"), [(True, "CONFIRMED"), (False, "CANCELLED")])
async def test_an_order_waits_for_the_shopper_where_the_bank_asks(create, shopper, approve, status):
    tea, dora = create("401"), shopper("dora")
    await dora.fill(tea)
    order = await dora.check_out()
    waiting = await eventually(lambda: dora.read(order), lambda found: found["actionUrl"])
    assert (waiting["status"], tea.stock) == ("PENDING", 9)
    await dora.act(order, approve=approve)
    assert (await dora.until(order, status))["actionUrl"] is None


async def test_a_bank_transfer_holds_the_stock_for_days(create, shopper, rows):
    tea, emil = create(), shopper("emil")
    await emil.fill(tea)
    order = await emil.check_out(paymentMethod="BANK_TRANSFER")
    await eventually(lambda: emil.read(order), lambda found: found["actionUrl"])
    query = "SELECT (expires_at - now()) > interval '6 days' FROM reservations WHERE id = %s"
    assert rows("catalog", query, f"order-{order['id']}") == [(True,)]
    await emil.act(order, approve=True)
    await emil.until(order, "CONFIRMED")


async def test_an_order_that_is_not_paid_in_time_is_given_up_and_late_money_goes_back(create, shopper, rows, paid):
    tea, fred = create(), shopper("fred")
    await fred.fill(tea)
    order = await fred.check_out(paymentMethod="BANK_TRANSFER")
    await eventually(lambda: fred.read(order), lambda found: found["actionUrl"])
    rows("order", "UPDATE orders SET pay_by = now(), due_at = now() WHERE id = %s RETURNING id", order["id"])
    assert (await fred.until(order, "CANCELLED"))["cancelReason"] == "not paid in time"
    await eventually(lambda: tea.stock, lambda stock: stock == 10)
    await fred.act(order, approve=True)
    await eventually(lambda: paid(order), lambda found: found == ("CAPTURED", 500))


@pytest.mark.parametrize("price", ["408", "504"])
async def test_a_provider_that_does_not_answer_is_asked_again(create, shopper, paid, price):
    tea, gerd = create(price), shopper("gerd")
    order = await gerd.buy(tea)
    assert paid(order) == ("CAPTURED", 0)


async def test_the_same_key_places_one_order(create, shopper, rows):
    tea, hans = create(), shopper("hans")
    await hans.fill(tea)
    key = hans.key()
    first = await hans.check_out(key=key)
    await hans.until(first, "CONFIRMED")
    assert (await hans.check_out(key=key))["id"] == first["id"]
    assert rows("order", "SELECT count(*) FROM orders WHERE user_id = 'hans'") == [(1,)]


async def test_what_is_sold_out_meanwhile_cancels_the_order(create, shopper):
    tea, ines, jens = create(stock=1), shopper("ines"), shopper("jens")
    for each in (ines, jens):
        await each.fill(tea)
    orders = await asyncio.gather(ines.check_out(), jens.check_out())

    async def statuses():
        return sorted([(await who.read(order))["status"] for who, order in zip((ines, jens), orders, strict=True)])

    await eventually(statuses, lambda found: found == ["CANCELLED", "CONFIRMED"])
    assert tea.stock == 0


async def test_an_order_at_another_price_than_was_shown_is_not_placed(create, shopper):
    tea, kurt = create(), shopper("kurt")
    await kurt.fill(tea)
    tea.change(price="600")
    assert (await kurt.check_out(status=409, expectedTotal="500"))["title"] == "Price changed"
    await kurt.check_out(expectedTotal="600")


async def test_an_empty_cart_or_one_with_an_obstacle_cannot_be_ordered(create, shopper):
    tea, lisa = create(), shopper("lisa")
    assert (await lisa.check_out(status=409))["detail"] == "The cart is empty."
    await lisa.fill(tea)
    tea.change(isActive=False)
    answer = await lisa.check_out(status=409)
    assert "GONE" in answer["errors"][0]["message"]
    tea.change(isActive=True)
    await lisa.check_out()


async def test_an_order_needs_an_address(create, shopper):
    tea, mara = create(), shopper("mara", address=None)
    await mara.fill(tea)
    for more in ({}, {"addressId": "elsewhere"}):
        answer = await mara.check_out(status=422, **more)
        assert answer["errors"][0]["field"] == "body.addressId"


async def test_once_there_is_an_address_the_same_request_places_the_order(create, shopper, databases):
    tea, mia = create(), shopper("mia", address=None)
    await mia.fill(tea)
    key = mia.key()
    await mia.check_out(status=422, key=key)
    with psycopg.connect(databases["profile"]) as connection:
        connection.execute("UPDATE users SET address = %s WHERE id = 'mia'", [json.dumps({"addresses": [ADDRESS]})])
    await mia.check_out(key=key)


@pytest.mark.parametrize(("price", "quantity"), [("0", 1), ("999999999999", 2)])
async def test_an_order_over_nothing_or_over_more_than_money_goes_is_not_placed(create, shopper, price, quantity):
    gift, nils = create(price), shopper(f"nils-{price}")
    await nils.fill(gift, quantity=quantity)
    assert "An order is over more than nothing" in (await nils.check_out(status=409))["detail"]


async def test_news_that_come_while_the_payment_is_asked_about_are_not_lost(app, create, shopper, rows, monkeypatch):
    tea, noel = create("401"), shopper("noel")
    await noel.fill(tea)
    order = await noel.check_out()
    await eventually(lambda: noel.read(order), lambda found: found["actionUrl"])
    steps, due = app.state.sagas._steps, "SELECT due_at FROM orders WHERE id = %s"
    ask = steps.await_payment

    async def slowly(row):
        answer = await ask(row)
        if row.id != order["id"]:
            return answer
        monkeypatch.undo()
        known = rows("order", due, order["id"])
        await noel.act(order, approve=True)
        await eventually(lambda: rows("order", due, order["id"]), lambda found: found != known)
        return answer

    monkeypatch.setattr(steps, "await_payment", slowly)
    rows("order", "UPDATE orders SET due_at = now() WHERE id = %s RETURNING id", order["id"])
    await noel.until(order, "CONFIRMED")


async def test_where_the_shopper_has_to_go_is_known_though_the_provider_was_silent_first(create, shopper, monkeypatch):
    tea, olga = create("401"), shopper("olga")
    await olga.fill(tea)
    do, silent = LocalProvider.do, []

    async def late(provider, step, *given):
        if step is Step.CONFIRM and not silent:
            silent.append(step)
            raise OutcomeUnknownError
        return await do(provider, step, *given)

    monkeypatch.setattr(LocalProvider, "do", late)
    order = await olga.check_out()
    await eventually(lambda: olga.read(order), lambda found: found["actionUrl"], seconds=30)
    assert silent


async def test_a_method_that_is_not_configured_cancels_the_order_for_that_reason(create, shopper):
    tea, nora = create(), shopper("nora")
    order = await nora.buy(tea, until="CANCELLED", paymentMethod="AMAZON_PAY")
    assert "not configured for AMAZON_PAY" in order["cancelReason"]


async def test_no_token_of_a_payment_is_kept_after_it(create, shopper, rows):
    tea, olga = create(), shopper("olga")
    order = await olga.buy(tea, paymentToken="pm_1")
    assert rows("order", "SELECT payment_token FROM orders WHERE id = %s", order["id"]) == [(None,)]


async def test_a_card_number_is_refused(create, shopper):
    tea, paul = create(), shopper("paul")
    await paul.fill(tea)
    answer = await paul.check_out(status=422, paymentToken="4242424242424242")
    assert answer["errors"][0]["field"] == "body.paymentToken"
