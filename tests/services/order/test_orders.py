import json
from decimal import Decimal
from types import SimpleNamespace

import pytest

from services.common.identity.policy import guarded_routes
from services.common.messaging.producer import Producer
from services.common.runtime.errors import Forbidden
from services.contracts.envelope import Event
from services.contracts.events.identity import UserDeleted
from services.contracts.signing import ROLES
from services.order.schemas import NewOrder
from services.order.service import place
from tests.services.order.conftest import ADDRESS
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")
WHY = {"reason": "changed my mind"}


async def test_a_paid_order_can_be_cancelled_until_it_is_shipped(create, shopper, otto, paid, events):
    tea, anna = create(), shopper("anna")
    order = await anna.buy(tea)
    await otto.post(f"/v1/orders/{order['id']}/pack")
    cancelled = await anna.post(f"/v1/orders/{order['id']}/cancel", WHY)
    assert (cancelled["status"], cancelled["cancelReason"]) == ("CANCELLED", "changed my mind")
    await eventually(lambda: (paid(order), tea.stock), lambda found: found == (("CAPTURED", 500), 10))
    assert events(order)[-2:] == ["ORDER_CANCELLED", "ORDER_CANCEL"]


async def test_an_order_that_waits_for_its_payment_can_be_cancelled(create, shopper, paid):
    tea, bert = create("401"), shopper("bert")
    await bert.fill(tea)
    order = await bert.check_out()
    await eventually(lambda: bert.read(order), lambda found: found["actionUrl"])
    await bert.post(f"/v1/orders/{order['id']}/cancel", WHY)
    await eventually(lambda: (paid(order), tea.stock), lambda found: found == (("VOIDED", 0), 10))


async def test_a_cancelled_order_whose_money_was_taken_unseen_gets_it_back_once(create, shopper, rows, paid):
    tea, bea = create(), shopper("bea")
    await bea.fill(tea)
    order = await bea.check_out(paymentMethod="BANK_TRANSFER")
    await eventually(lambda: bea.read(order), lambda found: found["actionUrl"])
    unseen = "UPDATE payments SET next_check_at = now() + interval '1 h' WHERE id = %s RETURNING id"
    rows("payment", unseen, order["paymentId"])
    taken = "UPDATE local_charges SET stage = 'CAPTURED' WHERE id = %s RETURNING id"
    rows("payment", taken, f"local_{order['paymentId']}")
    await bea.post(f"/v1/orders/{order['id']}/cancel", WHY)
    query = "SELECT step FROM orders WHERE id = %s"
    await eventually(lambda: rows("order", query, order["id"]), lambda found: found == [(None,)], seconds=20)
    assert (paid(order), tea.stock) == (("CAPTURED", 500), 10)


async def test_an_order_can_be_cancelled_at_once(create, shopper, rows):
    tea, carl = create(), shopper("carl")
    await carl.fill(tea)
    order = await carl.check_out()
    await carl.post(f"/v1/orders/{order['id']}/cancel", WHY)
    query = "SELECT step FROM orders WHERE id = %s"
    await eventually(lambda: rows("order", query, order["id"]), lambda found: found == [(None,)])
    assert tea.stock == 10


async def test_an_order_is_packed_shipped_and_delivered_in_that_order(create, shopper, otto):
    order = await shopper("dora").buy(create())
    place = f"/v1/orders/{order['id']}"
    for early in ("ship", "deliver"):
        assert (await otto.post(f"{place}/{early}", status=409))["title"] == "Illegal transition"
    statuses = [(await otto.post(f"{place}/{each}"))["status"] for each in ("pack", "ship", "deliver")]
    assert statuses == ["PROCESSING", "SHIPPED", "DELIVERED"]
    await otto.post(f"{place}/cancel", WHY, status=409)


@pytest.fixture(scope="module")
def delivered(shopper, otto):
    async def order(user_id, *products, quantity=1):
        bought = await shopper(user_id).buy(*products, quantity=quantity)
        for each in ("pack", "ship", "deliver"):
            await otto.post(f"/v1/orders/{bought['id']}/{each}")
        return bought

    return order


def back(product, quantity=1, reason="too small"):
    return {"items": [{"productId": product.id, "quantity": quantity}], "reason": reason}


async def test_a_return_by_line_is_refunded_and_restocked(create, shopper, otto, delivered, paid, events):
    tea, cup, emil = create("500"), create("1200"), shopper("emil")
    order = await delivered("emil", tea, cup, quantity=2)
    asked = await emil.post(f"/v1/orders/{order['id']}/returns", back(tea, 2), status=201)
    await otto.post(f"/v1/returns/{asked['id']}/approve")
    assert (tea.stock, paid(order)) == (8, ("CAPTURED", 0))
    await otto.post(f"/v1/returns/{asked['id']}/receive")

    async def returns():
        return (await emil.orders.get(f"/v1/orders/{order['id']}/returns")).json()["items"]

    (done,) = await eventually(returns, lambda found: found[0]["status"] == "COMPLETED")
    assert (done["refundAmount"], tea.stock, paid(order)) == ("1000", 10, ("CAPTURED", 1000))
    assert (await emil.read(order))["status"] == "DELIVERED"
    assert events(order)[-4:] == [
        *("RETURN_REQUESTED", "ORDER_RETURN_REQUEST", "RETURN_COMPLETED", "ORDER_RETURN_COMPLETE"),
    ]


async def test_an_order_is_returned_once_every_piece_is_back(create, shopper, otto, delivered, paid):
    tea, fred = create("500"), shopper("fred")
    order = await delivered("fred", tea, quantity=3)
    for quantity in (1, 2):
        asked = await fred.post(f"/v1/orders/{order['id']}/returns", back(tea, quantity), status=201)
        await otto.post(f"/v1/returns/{asked['id']}/approve")
        await otto.post(f"/v1/returns/{asked['id']}/receive")
    await fred.until(order, "RETURNED")
    assert paid(order) == ("CAPTURED", 1500)


async def test_what_was_a_gift_comes_back_without_a_refund(create, shopper, otto, delivered, paid):
    tea, gift, gina = create("500"), create("0"), shopper("gina")
    order = await delivered("gina", tea, gift)
    asked = await gina.post(f"/v1/orders/{order['id']}/returns", back(gift), status=201)
    await otto.post(f"/v1/returns/{asked['id']}/approve")
    await otto.post(f"/v1/returns/{asked['id']}/receive")
    await eventually(lambda: gift.stock, lambda stock: stock == 10, seconds=20)
    assert paid(order) == ("CAPTURED", 0)


async def test_no_more_comes_back_than_was_bought(create, shopper, otto, delivered):
    tea, gerd = create(), shopper("gerd")
    order = await delivered("gerd", tea, quantity=2)
    place = f"/v1/orders/{order['id']}/returns"
    rejected = await gerd.post(place, back(tea, 2), status=201)
    await otto.post(f"/v1/returns/{rejected['id']}/reject", {"reason": "used"})
    await gerd.post(place, back(tea, 1), status=201)
    answer = await gerd.post(place, back(tea, 2), status=422)
    assert answer["errors"] == [{"field": "body.items.0.quantity", "message": "at most 1"}]


async def test_a_return_names_each_product_once(create, shopper, delivered):
    tea, gabi = create(), shopper("gabi")
    order = await delivered("gabi", tea, quantity=2)
    twice = {**back(tea), "items": back(tea)["items"] * 2}
    answer = await gabi.post(f"/v1/orders/{order['id']}/returns", twice, status=422)
    assert answer["errors"] == [{"field": "body.items", "message": "Value error, must name each product once"}]


async def test_a_return_is_decided_once_and_received_only_if_approved(create, shopper, otto, delivered):
    tea, hans = create(), shopper("hans")
    order = await delivered("hans", tea)
    asked = await hans.post(f"/v1/orders/{order['id']}/returns", back(tea), status=201)
    await otto.post(f"/v1/returns/{asked['id']}/receive", status=409)
    await otto.post(f"/v1/returns/{asked['id']}/reject")
    await otto.post(f"/v1/returns/{asked['id']}/approve", status=409)


async def test_what_was_not_delivered_cannot_come_back(create, shopper):
    tea, ines = create(), shopper("ines")
    order = await ines.buy(tea)
    await ines.post(f"/v1/orders/{order['id']}/returns", back(tea), status=409)


async def test_the_lines_of_an_order_stay_as_they_were_when_the_product_changes(create, shopper, catalog):
    tea, frida = create("500"), shopper("frida")
    order = await frida.buy(tea)
    tea.change(name="New name", price="600")
    assert catalog.delete(f"/v1/products/{tea.id}").status_code == 204
    assert (await frida.read(order))["items"] == order["items"]
    assert [(each["productName"], each["price"]) for each in order["items"]] != [("New name", "600")]


async def test_an_order_and_its_returns_are_its_owners_and_the_operators(app, create, shopper, otto, delivered, tokens):
    tea, jens = create(), shopper("jens")
    order = await delivered("jens", tea, quantity=2)
    asked = await jens.post(f"/v1/orders/{order['id']}/returns", back(tea), status=201)
    named = {"orderId": order["id"], "returnId": asked["id"]}
    routes = [
        (method, path.format(**named))
        for path, methods, _ in guarded_routes(app.routes)
        for method in methods
        if "{orderId}" in path or "{returnId}" in path
    ]
    strangers = [tokens.user("other", roles=[role]) for role in ROLES if role != "operator"]
    strangers += [tokens.user("other"), tokens.of("anon:00000000-0000-4000-8000-000000000001"), ""]
    answers = [
        await jens.orders.request(
            method,
            path,
            json=back(tea) if path.endswith("/returns") else WHY,
            headers={"Authorization": f"Bearer {token}"} | jens.key(),
        )
        for method, path in routes
        for token in strangers
    ]
    assert {each.status_code for each in answers} == {401, 403, 404}
    assert len(routes) > 9
    for who in (jens, otto):
        assert (await who.read(order))["status"] == "DELIVERED"
        returns = (await who.orders.get(f"/v1/orders/{order['id']}/returns")).json()["items"]
        assert [each["status"] for each in returns] == ["REQUESTED"]


async def test_orders_are_listed_page_by_page_the_latest_first(create, shopper):
    kurt = shopper("kurt")
    made = [(await kurt.buy(create()))["id"] for _ in range(3)]
    first = (await kurt.orders.get("/v1/orders?limit=2")).json()
    second = (await kurt.orders.get(f"/v1/orders?limit=2&cursor={first['nextCursor']}")).json()
    assert [each["id"] for each in first["items"] + second["items"]] == made[::-1]


async def test_the_returns_of_all_orders_of_a_user_are_listed_for_the_user_and_who_exports(
    create, shopper, delivered, tokens
):
    lena = shopper("lena")
    orders = [await delivered("lena", tea, quantity=1) for tea in (create(), create())]
    asked = [
        (await lena.post(f"/v1/orders/{order['id']}/returns", {"items": [line], "reason": "x"}, status=201))["id"]
        for order in orders
        for line in [{"productId": order["items"][0]["productId"], "quantity": 1}]
    ]
    tokens_and_answers = {
        tokens.user("lena"): 200,
        tokens.service("profile", "order"): 200,
        tokens.user("other"): 403,
    }
    for token, status in tokens_and_answers.items():
        headers = {"Authorization": f"Bearer {token}"}
        answer = await lena.orders.get("/v1/users/lena/returns", headers=headers)
        assert answer.status_code == status
        if status == 200:
            assert [each["id"] for each in answer.json()["items"]] == asked[::-1]
    first = (await lena.orders.get("/v1/users/lena/returns?limit=1")).json()
    second = (await lena.orders.get(f"/v1/users/lena/returns?limit=1&cursor={first['nextCursor']}")).json()
    assert [each["id"] for each in first["items"] + second["items"]] == asked[::-1]


@pytest.fixture
def parts(app):
    """What an order is placed with: everybody has an address, and a cart with a tea for 500 yen."""
    tea = SimpleNamespace(
        product_id=1, product_name="Tea", quantity=1, product_price=Decimal(500), amount=Decimal(500), obstacle=None
    )

    async def ask(shape, *_):
        filled = {"currency": "JPY", "total": Decimal(500), "can_be_bought": True, "stale": False}
        return shape.model_construct(address={"addresses": [ADDRESS]}, items=[tea], **filled)

    state = app.state
    return SimpleNamespace(database=state.database, settings=state.settings, services=SimpleNamespace(ask=ask))


async def test_the_same_attempt_gets_the_same_order(parts):
    wish = NewOrder.model_validate({"paymentMethod": "CREDIT_CARD"})
    orders = [await place(parts, "kira", "attempt", wish) for _ in range(2)]
    assert [each.items[0].currency for each in orders] == ["JPY", "JPY"]
    assert orders[0] == orders[1]


@pytest.fixture
def delete(settings, rows):
    """Deletes the user of this order; once its row has changed, the row's user and the row."""

    async def user_of(order):
        producer, user_id = Producer(settings), order["userId"]
        event = Event.of("USER_DELETED", UserDeleted(user_id=user_id), producer="auth")
        await producer.send("auth.v1", user_id, event.to_bytes())
        query = "SELECT user_id, orders::text FROM orders WHERE id = %s"
        (row,) = await eventually(lambda: rows("order", query, order["id"]), lambda found: found[0][0] != user_id)
        await producer.close()
        return row

    return user_of


async def test_a_deleted_users_orders_stay_and_are_nobodys_and_no_other_is_placed(create, shopper, delete, rows, parts):
    order = await shopper("lars", address={**ADDRESS, "streetAddress": "Secret Street 9"}).buy(create())
    user_id, row = await delete(order)
    assert (user_id.startswith("erased:"), "Secret Street" in row, "lars" in row) == (True, False, False)
    assert rows("order", "SELECT key FROM idempotency WHERE starts_with(scope, 'user:lars ')") == []
    with pytest.raises(Forbidden, match="deleted"):
        await place(parts, "lars", "later", NewOrder.model_validate({"paymentMethod": "CREDIT_CARD"}))


async def test_what_a_deleted_user_has_not_paid_is_cancelled_and_no_money_taken(create, shopper, delete, rows):
    tea, nora = create(), shopper("nora")
    order = await nora.buy(tea, until="PENDING", paymentMethod="BANK_TRANSFER", returnUrl="https://nora.example/")
    await eventually(lambda: nora.read(order), lambda now: now["actionUrl"])
    await delete(order)
    query = "SELECT status, cancel_reason, step, return_url FROM orders WHERE id = %s"
    over = ("CANCELLED", "the account was deleted", None, None)
    await eventually(lambda: rows("order", query, order["id"]), lambda found: found == [over])
    assert rows("payment", "SELECT stage FROM payments WHERE order_id = %s", order["id"]) == [("VOIDED",)]
    assert tea.stock == 10


@pytest.mark.parametrize("steps", [[], ["pack"]])
async def test_what_was_not_shipped_to_a_deleted_user_is_cancelled_and_refunded(
    create, shopper, otto, delete, paid, steps
):
    tea = create("500")
    order = await shopper(f"olga-{len(steps)}").buy(tea)
    for step in steps:
        await otto.post(f"/v1/orders/{order['id']}/{step}")
    await delete(order)
    await eventually(lambda: tea.stock, lambda stock: stock == 10)
    assert (await otto.read(order))["status"] == "CANCELLED"
    assert paid(order) == ("CAPTURED", 500)


async def test_what_a_deleted_user_wrote_is_neither_kept_nor_told_any_more(
    create, shopper, otto, delivered, delete, rows, events
):
    tea, mona = create(), shopper("mona")
    order = await delivered("mona", tea)
    asked = await mona.post(f"/v1/orders/{order['id']}/returns", back(tea, reason="call Mona"), status=201)
    await otto.post(f"/v1/returns/{asked['id']}/approve", {"reason": "called Mona"})
    given_up = await mona.buy(tea)
    await mona.post(f"/v1/orders/{given_up['id']}/cancel", {"reason": "Mona is away"})
    await delete(order)
    await otto.post(f"/v1/returns/{asked['id']}/receive")
    await eventually(lambda: events(order), lambda found: found[-1] == "ORDER_RETURN_COMPLETE")
    stored = "SELECT row::text FROM (TABLE {}) AS row WHERE row::text ~ 'Mona'"
    for service, table in (("order", "orders"), ("order", "returns"), ("payment", "refunds")):
        assert rows(service, stored.format(table)) == [], table
    told = rows("order", "SELECT value FROM outbox WHERE value ~ 'RETURN_COMPLETE' ORDER BY id DESC LIMIT 2")
    assert [json.loads(value)["data"]["userId"][:7] for (value,) in told] == ["erased:"] * 2
    assert "Mona" not in str(told)
