import asyncio
from uuid import UUID, uuid4

import psycopg
import pytest

from services.common.identity.policy import guarded_routes
from services.common.messaging.producer import Producer
from services.contracts.envelope import Event
from services.contracts.events.identity import UserDeleted
from services.contracts.signing import ROLES
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_payment_is_authorised_and_then_captured(pay, after, events, book):
    payment = await pay()
    assert (payment["status"], payment["stage"], payment["capturedAmount"]) == ("PROCESSING", "AUTHORISED", "0")
    captured = await after(payment, "capture")
    assert (captured["status"], captured["capturedAmount"]) == ("COMPLETED", "1200")
    assert events(payment) == ["PAYMENT_AUTHORIZED", "PAYMENT_COMPLETED"]
    assert book(payment) == ("CAPTURED", 0)


async def test_a_repeated_call_does_nothing_twice(pay, after, events):
    payment_id = uuid4()
    first = [await pay(payment_id=payment_id, orderId=5) for _ in range(2)]
    assert first[0] == first[1]
    assert [(await after(first[0], "capture"))["status"] for _ in range(2)] == ["COMPLETED", "COMPLETED"]
    assert events(first[0]) == ["PAYMENT_AUTHORIZED", "PAYMENT_COMPLETED"]


async def test_an_id_stands_for_one_order_and_amount(pay):
    payment_id = uuid4()
    await pay(payment_id=payment_id, orderId=6)
    await pay("1300", payment_id=payment_id, orderId=6, status=409)


async def test_a_declined_payment_has_failed_for_a_reason(pay, after, events):
    payment = await pay("1402")
    assert (payment["status"], payment["failureReason"]) == ("FAILED", "declined by the local provider")
    await after(payment, "capture", status=409)
    assert events(payment) == ["PAYMENT_FAILED"]


@pytest.mark.parametrize("amount", ["1408", "1504"])
async def test_a_call_without_an_answer_is_settled_by_the_reconciler(pay, read, events, database_url, amount):
    payment = await pay(amount)
    assert (payment["status"], payment["stage"]) == ("PROCESSING", "CREATED")
    with psycopg.connect(database_url) as connection:  # now, and not only in two seconds
        connection.execute("UPDATE payments SET next_check_at = now() WHERE id = %s", [payment["id"]])
    settled = await eventually(lambda: read(payment), lambda found: found["stage"] == "AUTHORISED")
    assert settled["status"] == "PROCESSING"
    assert events(payment) == ["PAYMENT_AUTHORIZED"]


async def test_a_cancelled_payment_takes_nothing(pay, after, book, events):
    payment = await pay()
    assert (await after(payment, "cancel"))["status"] == "CANCELLED"
    await after(payment, "capture", status=409)
    assert (book(payment), events(payment)) == (("VOIDED", 0), ["PAYMENT_AUTHORIZED"])


async def test_a_captured_payment_is_refunded_and_not_cancelled(pay, after):
    payment = await pay()
    await after(payment, "capture")
    await after(payment, "cancel", status=409)


async def test_a_transfer_that_comes_though_the_shopper_would_not_pay_is_refunded(pay, after, calling, read):
    payment = await pay(paymentMethod="BANK_TRANSFER")
    address = f"/v1/local-payments/{payment['id']}/action"
    assert (await calling("anna").post(address, json={"approve": False})).json()["status"] == "FAILED"
    await after(payment, "cancel")  # by its order
    await calling("anna").post(address, json={"approve": True})
    assert (await read(payment))["status"] == "REFUNDED"


async def test_the_shopper_approves_or_refuses_what_needs_an_action(pay, calling, events):
    outcomes = []
    for approve in (True, False):
        payment = await pay("1401")
        assert (payment["stage"], bool(payment["actionUrl"])) == ("REQUIRES_ACTION", True)
        answer = await calling("anna").post(f"/v1/local-payments/{payment['id']}/action", json={"approve": approve})
        outcomes.append((answer.json()["stage"], answer.json()["actionUrl"], events(payment)))
    assert outcomes == [("AUTHORISED", None, ["PAYMENT_AUTHORIZED"]), ("DECLINED", None, ["PAYMENT_FAILED"])]


async def test_a_bank_transfer_is_complete_once_the_money_is_there(pay, calling):
    payment = await pay(paymentMethod="BANK_TRANSFER")
    assert payment["stage"] == "REQUIRES_ACTION"
    answer = await calling("anna").post(f"/v1/local-payments/{payment['id']}/action", json={"approve": True})
    assert answer.json()["status"] == "COMPLETED"


async def test_money_that_comes_after_a_payment_was_given_up_is_refunded(pay, after, calling, read, book):
    payment = await pay(paymentMethod="BANK_TRANSFER")
    assert (await after(payment, "cancel"))["status"] == "CANCELLED"
    await calling("anna").post(f"/v1/local-payments/{payment['id']}/action", json={"approve": True})
    assert (await read(payment))["status"] == "REFUNDED"
    assert book(payment) == ("CAPTURED", 1200)


async def test_late_money_goes_back_though_the_service_dies_when_it_has_seen_it(
    app, pay, after, read, book, database_url, monkeypatch
):
    payment, payments = await pay(paymentMethod="BANK_TRANSFER"), app.state.payments
    await after(payment, "cancel")
    await payments.provider("local").act(f"local_{payment['id']}", is_approved=True)

    async def dies(*_):
        raise SystemError

    for name in ("refund", "go_on_refunding"):
        monkeypatch.setattr(payments, name, dies)
    with pytest.raises(SystemError):
        await payments.look(UUID(payment["id"]))
    monkeypatch.undo()
    due = "UPDATE refunds SET next_check_at = now() WHERE payment_id = %s AND next_check_at IS NOT NULL"
    with psycopg.connect(database_url) as connection:
        connection.execute(due, [payment["id"]])  # and not only in fifteen seconds
    await eventually(lambda: read(payment), lambda found: found["status"] == "REFUNDED", seconds=20)
    assert book(payment) == ("CAPTURED", 1200)


async def test_refunds_never_exceed_what_was_captured(pay, after, refund, read, events, book):
    payment = await pay()
    await after(payment, "capture")
    assert (await refund(payment, "700"))["status"] == "COMPLETED"
    now = await read(payment)
    assert (now["status"], now["capturedAmount"], now["refundedAmount"]) == ("COMPLETED", "1200", "700")
    await refund(payment, "501", status=409)
    await refund(payment, "500")
    assert (await read(payment))["status"] == "REFUNDED"
    assert events(payment)[2:] == ["REFUND_COMPLETED", "REFUND_COMPLETED"]
    assert book(payment)[1] == 1200


async def test_of_many_refunds_at_once_those_are_made_that_there_is_money_for(pay, after, orders, book):
    payment = await pay()
    await after(payment, "capture")

    async def one():
        body = {"paymentId": payment["id"], "amount": "500", "currency": "JPY", "reason": "returned"}
        return (await orders.put(f"/v1/refunds/{uuid4()}", json=body)).status_code

    assert sorted(await asyncio.gather(*(one() for _ in range(6)))) == [200, 200, 409, 409, 409, 409]
    assert book(payment)[1] == 1000


async def test_a_repeated_refund_gives_back_once(pay, after, refund, book):
    payment, refund_id = await pay(), uuid4()
    await after(payment, "capture")
    for _ in range(2):
        await refund(payment, "500", refund_id=refund_id)
    await refund(payment, "600", refund_id=refund_id, status=409)
    assert book(payment)[1] == 500


async def test_a_refund_is_in_the_currency_of_its_payment(pay, after, refund):
    payment = await pay()
    await after(payment, "capture")
    await refund({**payment, "currency": "USD"}, "10", status=409)


async def test_nothing_is_refunded_that_was_not_captured(pay, refund):
    await refund(await pay(), "100", status=409)


async def test_a_method_without_a_provider_is_not_configured(orders):
    body = {"orderId": 1, "userId": "anna", "amount": "100", "paymentMethod": "AMAZON_PAY"}
    answer = await orders.put(f"/v1/payments/{uuid4()}", json=body)
    assert (answer.status_code, answer.json()["title"]) == (422, "Payment method not configured")


async def test_a_payment_is_its_payers_and_shown_to_operators(app, pay, calling, orders, tokens):
    payment = await pay("1401")
    routes = [
        (method, path.format(paymentId=payment["id"]))
        for path, methods, _ in guarded_routes(app.routes)
        for method in methods
        if "{paymentId}" in path
    ]
    strangers = [tokens.user("bert", roles=[role]) for role in ROLES if role != "operator"]
    strangers += [tokens.of("anon:00000000-0000-4000-8000-000000000001"), ""]
    answers = [
        await orders.request(method, path, json={"approve": True}, headers={"Authorization": f"Bearer {token}"})
        for method, path in routes
        for token in strangers
    ]
    assert {each.status_code for each in answers} == {401, 403, 404}
    assert len(routes) > 4
    for who in (calling("anna"), calling("otto", roles=("operator",))):
        assert (await who.get(f"/v1/payments/{payment['id']}")).json()["stage"] == "REQUIRES_ACTION"


async def test_a_users_payments_are_listed_page_by_page(pay, calling):
    made = [(await pay(userId="lisa"))["id"] for _ in range(3)]
    lisa = calling("lisa")
    first = (await lisa.get("/v1/users/lisa/payments?limit=2")).json()
    second = (await lisa.get(f"/v1/users/lisa/payments?limit=2&cursor={first['nextCursor']}")).json()
    assert [each["id"] for each in first["items"] + second["items"]] == made[::-1]
    assert (await calling("bert").get("/v1/users/lisa/payments")).status_code == 403


async def test_details_are_stored_encrypted(pay, database_url):
    payment = await pay(paymentToken="pm_secret_token")
    with psycopg.connect(database_url) as connection:
        (row,) = connection.execute("SELECT payments::text FROM payments WHERE id = %s", [payment["id"]]).fetchone()
    assert ("pm_secret_token" in row, "keyId" in row) == (False, True)


async def test_a_deleted_users_payments_stay_and_are_nobodys_and_no_other_is_made(pay, settings, database_url):
    payment = await pay(userId="gone-payer", paymentToken="pm_1")
    producer = Producer(settings)
    event = Event.of("USER_DELETED", UserDeleted(user_id="gone-payer"), producer="auth")
    await producer.send("auth.v1", "gone-payer", event.to_bytes())
    await producer.close()

    def owner():
        query = "SELECT user_id, payment_details FROM payments WHERE id = %s"
        with psycopg.connect(database_url) as connection:
            return connection.execute(query, [payment["id"]]).fetchone()

    user_id, details = await eventually(owner, lambda found: found[0] != "gone-payer")
    assert (user_id[:7], details) == ("erased:", None)
    assert "deleted" in (await pay(userId="gone-payer", status=409))["detail"]


async def test_a_card_number_is_refused(orders):
    for card in ("4242424242424242", "4242-4242-4242-4242"):
        body = {"orderId": 1, "userId": "anna", "amount": "100", "paymentMethod": "CREDIT_CARD", "paymentToken": card}
        answer = await orders.put(f"/v1/payments/{uuid4()}", json=body)
        assert (answer.status_code, card in answer.text) == (422, False)
