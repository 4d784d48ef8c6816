"""A provider or the broker is away, silent or answers garbage: no money moves unseen, and what is known is shown."""

import time
from uuid import uuid4

import psycopg
import pytest
from pydantic import SecretStr

from services.payment import provider_paypal, provider_stripe
from services.payment.app import create_app
from tests.services.gateway.standing_in import BROKEN, broken
from tests.services.in_process import client_of
from tests.services.payment.fakes import FakePayPal, FakeStripe

pytestmark = pytest.mark.asyncio(loop_scope="module")
KEYS = {
    "stripe": {"stripe_password": SecretStr("sk_1"), "stripe_webhook_password": SecretStr(FakeStripe.secret)},
    "paypal": {"paypal_username": "shop", "paypal_password": SecretStr("x"), "paypal_webhook": FakePayPal.webhook_id},
}
METHODS = {"stripe": "CREDIT_CARD", "paypal": "PAYPAL"}


@pytest.fixture
def running(settings, tokens, monkeypatch):
    """The service with other settings, and the order service's client of it; its workers run where they matter."""
    for module in (provider_stripe, provider_paypal):
        monkeypatch.setattr(module, "LONGEST_CALL", 0.5)

    def run(*, has_workers=False, **changed):
        app = create_app(settings.model_copy(update=changed))
        return client_of(app, has_workers=has_workers, auth=tokens.as_service("order", "payment"))

    return run


def body(method="CREDIT_CARD"):
    return {"orderId": 1, "userId": "anna", "amount": "1200", "currency": "JPY", "paymentMethod": method}


@pytest.fixture
def told(database_url):
    """How many events there are of a payment."""

    def count(path):
        with psycopg.connect(database_url) as connection:
            query = "SELECT count(*) FROM outbox WHERE key = %s"
            return connection.execute(query, [path.rpartition("/")[2]]).fetchone()[0]

    return count


@pytest.mark.parametrize("state", BROKEN)
@pytest.mark.parametrize("name", KEYS)
async def test_without_its_provider_a_payment_is_neither_made_nor_failed(running, told, name, state):
    path = f"/v1/payments/{uuid4()}"
    with broken(state) as url:
        async with running(**KEYS[name], **{f"{name}_url": url}) as orders:
            made = [await orders.put(path, json=body(METHODS[name])) for _ in range(2)]
            read = await orders.get(path)
            captured = await orders.post(f"{path}/capture")
            given_back = await orders.put(
                f"/v1/refunds/{uuid4()}",
                json={"paymentId": path[-36:], "amount": "100", "currency": "JPY", "reason": "returned"},
            )
            assert (await orders.get("/health/ready")).status_code == 200
    assert [each.status_code for each in (*made, read, captured, given_back)] == [200, 200, 200, 200, 409]
    assert {(each.json()["status"], each.json()["stage"]) for each in (*made, read, captured)} == {
        ("PROCESSING", "NEW")
    }
    assert told(path) == 0


@pytest.mark.parametrize("state", BROKEN)
async def test_without_paypal_nobody_believes_its_webhooks(running, state):
    fake = FakePayPal()
    fake.payments["ORDER1"] = {"id": "ORDER1"}
    headers, content = fake.webhook("ORDER1")
    with broken(state) as url:
        async with running(**KEYS["paypal"], paypal_url=url) as client:
            answer = await client.post("/v1/webhooks/paypal", headers=headers, content=content)
    assert (answer.status_code, int(answer.headers["retry-after"]) > 0) == (503, True)


@pytest.mark.parametrize("state", BROKEN)
async def test_without_stripe_its_webhook_is_taken_and_looked_into_later(running, state, database_url):
    path = f"/v1/payments/{uuid4()}"
    with broken(state) as url:
        async with running(**KEYS["stripe"], stripe_url=url) as orders:
            await orders.put(path, json=body())
            intent = {"id": f"pi_{uuid4()}", "object": "payment_intent"}
            with psycopg.connect(database_url) as connection:
                known = "UPDATE payments SET external_payment_id = %s, stage = 'CREATED' WHERE id = %s"
                connection.execute(known, [intent["id"], path[-36:]])
            fake = FakeStripe()
            fake.payments[intent["id"]] = intent
            headers, content = fake.webhook(intent["id"], event=f"evt_{uuid4()}")
            began = time.monotonic()
            assert (await orders.post("/v1/webhooks/stripe", headers=headers, content=content)).status_code == 204
            assert time.monotonic() - began < 5
            assert (await orders.get(path)).json()["stage"] == "CREATED"


async def test_payments_of_a_provider_that_is_not_configured_for_a_while_wait(running):
    payments, refund = [f"/v1/payments/{uuid4()}" for _ in range(2)], f"/v1/refunds/{uuid4()}"
    async with running() as orders:
        for path in payments:
            await orders.put(path, json=body())
        await orders.post(f"{payments[1]}/capture")
    back = {"paymentId": payments[1][-36:], "amount": "1200", "currency": "JPY", "reason": "returned"}
    for changed, found in (({"local_password": None}, ("AUTHORISED", "PROCESSING")), ({}, ("VOIDED", "COMPLETED"))):
        async with running(**changed) as orders:
            answers = [await orders.post(f"{payments[0]}/cancel"), await orders.put(refund, json=back)]
        assert (answers[0].json().get("stage"), answers[1].json().get("status")) == found


async def test_a_webhook_that_is_about_no_payment_touches_none(running, database_url):
    path, fake = f"/v1/payments/{uuid4()}", FakeStripe()
    fake.payments["acct"] = {"id": "acct_1", "object": "account"}
    checks = "SELECT id, checks FROM payments ORDER BY id"
    with broken("away") as url:
        async with running(**KEYS["stripe"], stripe_url=url) as orders:
            await orders.put(path, json=body())  # Stripe has given it no id yet
            with psycopg.connect(database_url) as connection:
                before = connection.execute(checks).fetchall()
            headers, content = fake.webhook("acct", event=f"evt_{uuid4()}")
            assert (await orders.post("/v1/webhooks/stripe", headers=headers, content=content)).status_code == 204
    with psycopg.connect(database_url) as connection:
        assert connection.execute(checks).fetchall() == before


@pytest.mark.parametrize("state", ["away", "garbage"])  # the cart's test has a silent one, which takes long to stop
async def test_without_a_broker_payments_are_made_and_their_events_wait(running, told, state):
    path = f"/v1/payments/{uuid4()}"
    with broken(state) as url:
        async with running(has_workers=True, kafka_url=url.removeprefix("http://")) as orders:
            assert (await orders.put(path, json=body())).json()["stage"] == "AUTHORISED"
            assert (await orders.post(f"{path}/capture")).json()["status"] == "COMPLETED"
            assert (await orders.get("/health/ready")).status_code == 200
    assert told(path) == 2
