"""One suite over every provider: what a payment does with it, through the running service."""

import asyncio
from contextlib import nullcontext
from uuid import uuid4

import httpx2
import psycopg
import pytest
import pytest_asyncio

from services.common.storage.migrate import migrate
from services.payment.app import create_app
from services.payment.settings import PaymentSettings
from tests.services.gateway.standing_in import served
from tests.services.payment.fakes import FakePayPal, FakeStripe
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")
FAKES = {"stripe": FakeStripe, "paypal": FakePayPal}


class Shop:
    """A shop with one of the providers, `fake`; None for the local one, which is inside."""

    def __init__(self, kind, fake, app, tokens, url):
        self.kind, self.fake = kind, fake
        self._app, self._tokens, self._url = app, tokens, url
        self._orders = self._client(tokens.as_service("order", "payment"))

    def _client(self, auth=None, headers=None):
        transport = httpx2.ASGITransport(self._app)
        return httpx2.AsyncClient(transport=transport, base_url="http://payment", auth=auth, headers=headers)

    async def begin(self, amount="1200", payment_id=None):
        """Make a payment."""
        body = {"orderId": 1, "userId": "anna", "amount": amount, "currency": "JPY", "paymentToken": "pm_1"}
        body |= {"paymentMethod": "PAYPAL" if self.kind == "paypal" else "CREDIT_CARD"}
        body |= {"returnUrl": "https://shop.example/back"}
        return (await self._orders.put(f"/v1/payments/{payment_id or uuid4()}", json=body)).json()

    async def authorised(self, amount="1200", payment_id=None):
        """Make a payment that is authorised; PayPal's are approved first."""
        payment = await self.begin(amount, payment_id)
        if payment["stage"] == "REQUIRES_ACTION":
            await self.act(payment)
        return await self.read(payment)

    async def captured(self):
        payment = await self.authorised()
        return (await self.then(payment, "capture")).json()

    async def act(self, payment, *, is_approved=True):
        """What the shopper does at the provider, which tells of it."""
        if self.fake is None:
            shopper = self._client(headers={"Authorization": f"Bearer {self._tokens.user('anna')}"})
            body = {"approve": is_approved}
            assert (await shopper.post(f"/v1/local-payments/{payment['id']}/action", json=body)).is_success
        else:
            self.fake.act(self.name(payment), is_approved=is_approved)
            assert await self.told(payment) == 204

    async def told(self, payment):
        return await self.send(self.fake.webhook(self.name(payment), event=str(uuid4())))

    async def send(self, signed):
        """Send a webhook; gives the status of the answer."""
        headers, body = signed
        return (await self._client().post(f"/v1/webhooks/{self.kind}", headers=headers, content=body)).status_code

    async def then(self, payment, step):
        return await self._orders.post(f"/v1/payments/{payment['id']}/{step}")

    async def refund(self, payment, amount, refund_id=None):
        body = {"paymentId": payment["id"], "amount": amount, "currency": "JPY", "reason": "returned"}
        return await self._orders.put(f"/v1/refunds/{refund_id or uuid4()}", json=body)

    async def read(self, payment):
        return (await self._orders.get(f"/v1/payments/{payment['id']}")).json()

    async def settled(self, payment, **wanted):
        """The payment once it is so; the reconciler looks at it now, and not only in two seconds."""

        async def look():
            for table, column in (("payments", "id"), ("refunds", "payment_id")):
                due = f"{column} = %s AND next_check_at > now() + interval '1 s'"
                change = f"UPDATE {table} SET next_check_at = now() WHERE {due}"
                await asyncio.to_thread(self.query, change, payment["id"])  # the service may hold the row meanwhile
            return await self.read(payment)

        return await eventually(look, lambda found: wanted.items() <= found.items())

    def query(self, query, *values):
        with psycopg.connect(self._url) as connection:
            answer = connection.execute(query, values)
            return answer.fetchall() if answer.description else []

    def name(self, payment):
        """What the provider calls it."""
        return self.query("SELECT external_payment_id FROM payments WHERE id = %s", payment["id"])[0][0]

    def events(self, payment):
        rows = self.query("SELECT value FROM outbox WHERE key = %s ORDER BY id", payment["id"])
        return [httpx2.Response(200, content=value).json()["eventType"] for (value,) in rows]

    def done(self, payment):
        """What had an effect at the provider, and what it gave back."""
        if self.fake is not None:
            name = self.name(payment)
            return [what for what, of in self.fake.done if of == name], self.fake.refunded(name)
        columns = "stage, (SELECT count(*) FROM jsonb_object_keys(refunds)), refunded::int"
        ((stage, count, amount),) = self.query(f"SELECT {columns} FROM local_charges WHERE id = %s", self.name(payment))
        done = {"AUTHORISED": ["authorise"], "CAPTURED": ["authorise", "capture"], "VOIDED": ["authorise", "void"]}
        return done.get(stage, []) + ["refund"] * count, amount


def pytest_generate_tests(metafunc):
    """Each provider, but `outside` not the local one: it has no connection that could fail, and no other books."""
    if "shop" in metafunc.fixturenames:
        kinds = list(FAKES) if "outside" in metafunc.fixturenames else ["local", *FAKES]
        metafunc.parametrize("shop", kinds, indirect=True, scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(request, broker, tokens, database, keys_file):
    """A shop with each of the providers."""
    kind, database_url = request.param, database("payment")
    migrate("payment", database_url)
    broker.create_topics("auth.v1", "payment.v1", "erasures.v1", "dead-letters.v1")
    fake = FAKES[kind]() if kind in FAKES else None
    with served(fake) if fake else nullcontext() as url:
        given = {
            "local": {"local_password": "local-secret"},
            "stripe": {"stripe_url": url, "stripe_password": "sk_test_1", "stripe_webhook_password": FakeStripe.secret},
            "paypal": {
                "paypal_url": url,
                "paypal_username": "shop",
                "paypal_password": "secret",
                "paypal_webhook": FakePayPal.webhook_id,
            },
        }[kind]
        common = {"database_url": database_url, "kafka_url": broker.url, "keys_file": keys_file, **tokens.settings}
        app = create_app(PaymentSettings(**common, **given, reconcile_seconds=0.05))
        async with app.router.lifespan_context(app):
            yield Shop(kind, fake, app, tokens, database_url)


@pytest.fixture
def outside(shop):
    return shop


async def test_money_is_authorised_and_then_captured(shop):
    payment = await shop.authorised()
    assert (payment["status"], payment["stage"], payment["actionUrl"]) == ("PROCESSING", "AUTHORISED", None)
    assert (await shop.then(payment, "capture")).json()["status"] == "COMPLETED"
    assert shop.done(payment) == (["authorise", "capture"], 0)
    assert shop.events(payment) == ["PAYMENT_AUTHORIZED", "PAYMENT_COMPLETED"]


async def test_the_ids_that_the_provider_gave_are_kept(shop):
    payment = await shop.authorised()
    (found,) = shop.query("SELECT external_payment_id, payment_intent_id FROM payments WHERE id = %s", payment["id"])
    assert found[0].startswith({"local": "local_", "stripe": "pi_", "paypal": "ORDER"}[shop.kind])
    assert found[1] == (found[0] if shop.kind == "stripe" else None)


async def test_a_declined_payment_has_failed_for_a_reason(shop):
    payment = await shop.authorised("1402")
    reasons = {"local": "declined by the local provider", "stripe": "refused by Stripe: insufficient_funds"}
    reasons |= {"paypal": "refused by PayPal: INSTRUMENT_DECLINED"}
    assert (payment["status"], payment["failureReason"]) == ("FAILED", reasons[shop.kind])
    assert (await shop.then(payment, "capture")).status_code == 409
    assert shop.events(payment) == ["PAYMENT_FAILED"]


async def test_the_shopper_is_sent_to_the_provider_and_confirms(shop):
    payment = await shop.begin("1401")
    assert payment["stage"] == "REQUIRES_ACTION"
    assert payment["actionUrl"].startswith(("/local-payments/", "https://stripe.example/", "https://paypal.example/"))
    await shop.act(payment)
    found = await shop.read(payment)
    assert (found["stage"], found["actionUrl"], shop.done(payment)) == ("AUTHORISED", None, (["authorise"], 0))


async def test_who_does_not_confirm_has_not_paid(shop):
    payment = await shop.begin("1401")
    await shop.act(payment, is_approved=False)
    stage = "REQUIRES_ACTION" if shop.kind == "paypal" else "DECLINED"  # a payer may come back to PayPal
    assert ((await shop.read(payment))["stage"], shop.done(payment)) == (stage, ([], 0))


async def test_a_payment_is_cancelled_before_it_is_captured_and_not_after(shop):
    payment = await shop.authorised()
    assert (await shop.then(payment, "cancel")).json()["status"] == "CANCELLED"
    assert (await shop.then(payment, "capture")).status_code == 409
    assert shop.done(payment) == (["authorise", "void"], 0)
    assert (await shop.then(await shop.captured(), "cancel")).status_code == 409


async def test_a_payment_that_waits_for_the_shopper_is_cancelled(shop):
    assert (await shop.then(await shop.begin("1401"), "cancel")).json()["status"] == "CANCELLED"


async def test_money_goes_back_in_parts_and_never_more_than_was_taken(shop):
    payment = await shop.authorised()
    assert (await shop.refund(payment, "1")).status_code == 409
    await shop.then(payment, "capture")
    assert (await shop.refund(payment, "700")).json()["status"] == "COMPLETED"
    assert (await shop.read(payment))["status"] == "COMPLETED"
    assert (await shop.refund(payment, "501")).status_code == 409
    assert (await shop.refund(payment, "500")).json()["status"] == "COMPLETED"
    assert (await shop.read(payment))["status"] == "REFUNDED"
    assert shop.done(payment) == (["authorise", "capture", "refund", "refund"], 1200)


async def test_what_is_repeated_has_one_effect(shop):
    payment_id, refund_id = uuid4(), uuid4()
    payment = (await asyncio.gather(*(shop.begin("1401", payment_id) for _ in range(3))))[0]
    await shop.act(payment)
    await asyncio.gather(*(shop.then(payment, "capture") for _ in range(3)))
    await asyncio.gather(*(shop.refund(payment, "300", refund_id) for _ in range(3)))
    assert shop.done(payment) == (["authorise", "capture", "refund"], 300)
    assert shop.events(payment) == ["PAYMENT_AUTHORIZED", "PAYMENT_COMPLETED", "REFUND_COMPLETED"]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_confirmation_without_an_answer_is_settled(shop, when):
    if shop.fake is None:
        payment = await shop.begin({"before": "1408", "after": "1504"}[when])
    elif shop.kind == "stripe":
        shop.fake.trouble(when, path="/confirm")
        payment = await shop.begin()
    else:
        payment = await shop.begin()
        shop.fake.trouble(when, path="/authorize")
        await shop.act(payment)
    assert (await shop.read(payment))["status"] == "PROCESSING"
    await shop.settled(payment, stage="AUTHORISED")
    assert (shop.done(payment)[0], shop.events(payment)) == (["authorise"], ["PAYMENT_AUTHORIZED"])


@pytest.mark.parametrize("when", ["before", "after", "garbage", "another shape", "busy", "conflict", "forbidden"])
async def test_whatever_answers_a_creation_the_payment_is_made_once(outside, when):
    known = len(outside.fake.payments)
    outside.fake.trouble(when)
    payment = await outside.begin("1401")
    assert (payment["status"], payment["stage"]) == ("PROCESSING", "NEW")
    await outside.settled(payment, stage="REQUIRES_ACTION")
    assert len(outside.fake.payments) == known + 1


@pytest.mark.parametrize("when", ["before", "after", "garbage", "busy"])
@pytest.mark.parametrize(("step", "status"), [("capture", "COMPLETED"), ("cancel", "CANCELLED")])
async def test_whatever_answers_a_step_it_is_done_once(outside, step, status, when):
    payment = await outside.authorised()
    outside.fake.trouble(when)
    assert (await outside.then(payment, step)).is_success
    await outside.settled(payment, status=status)
    assert outside.done(payment)[0] == ["authorise", {"capture": "capture", "cancel": "void"}[step]]


async def test_money_that_cannot_be_taken_is_not_kept_set_aside(outside):
    payment = await outside.authorised()
    outside.fake.trouble("refused", path="/capture")
    found = (await outside.then(payment, "capture")).json()
    assert (found["status"], found["failureReason"][:10]) == ("CANCELLED", "refused by")
    assert outside.done(payment) == (["authorise", "void"], 0)
    assert outside.events(payment) == ["PAYMENT_AUTHORIZED", "PAYMENT_FAILED"]


async def test_what_is_being_given_up_is_not_captured_any_more(outside):
    payment = await outside.authorised()
    outside.fake.trouble("before")
    assert (await outside.then(payment, "cancel")).json()["stage"] == "AUTHORISED"
    assert (await outside.then(payment, "capture")).status_code == 409
    await outside.settled(payment, stage="VOIDED")


@pytest.mark.parametrize("are_keys_kept", [True, False])
@pytest.mark.parametrize("when", ["before", "after", "garbage", "conflict"])
async def test_whatever_answers_a_refund_it_is_made_once(outside, when, are_keys_kept):
    payment = await outside.captured()
    outside.fake.trouble(when)
    assert (await outside.refund(payment, "1200")).json()["status"] == "PROCESSING"
    if not are_keys_kept:
        outside.fake.forget_keys()
    await outside.settled(payment, status="REFUNDED")
    assert outside.done(payment) == (["authorise", "capture", "refund"], 1200)


async def test_who_cannot_be_asked_does_not_change_what_is_known(outside):
    payment = await outside.captured()
    outside.fake.trouble("before", "GET")
    assert await outside.told(payment) == 204
    assert (await outside.read(payment))["status"] == "COMPLETED"


async def test_a_refund_that_is_pending_is_completed_by_a_webhook(outside):
    payment = await outside.captured()
    outside.fake.are_refunds_pending = True
    assert (await outside.refund(payment, "1200")).json()["status"] == "PENDING"
    assert outside.events(payment)[2:] == []
    outside.fake.settle_refunds()
    assert await outside.send(outside.fake.refund_webhook(outside.name(payment))) == 204
    assert ((await outside.read(payment))["status"], outside.events(payment)[2:]) == ("REFUNDED", ["REFUND_COMPLETED"])


async def test_a_refund_that_the_provider_refuses_has_failed(outside, caplog):
    payment = await outside.captured()
    outside.fake.refund_by_hand(outside.name(payment), 600)
    failed = (await outside.refund(payment, "1200")).json()
    assert (failed["status"], failed["failureReason"][:10]) == ("FAILED", "refused by")
    assert (await outside.read(payment))["status"] == "COMPLETED"
    assert f"the refund {failed['id']} has failed, and has to be made by hand" in caplog.text


async def test_a_refund_that_fails_later_has_to_be_made_by_hand(outside, caplog):
    payment = await outside.captured()
    outside.fake.are_refunds_pending = True
    pending = (await outside.refund(payment, "1200")).json()
    outside.fake.settle_refunds(fail=True)
    assert await outside.send(outside.fake.refund_webhook(outside.name(payment), event=str(uuid4()))) == 204
    assert (await outside.refund(payment, "1200", pending["id"])).json()["status"] == "FAILED"
    assert f"the refund {pending['id']} has failed, and has to be made by hand" in caplog.text


async def test_forged_and_old_webhooks_are_refused(outside):
    name = outside.name(await outside.begin("1401"))
    headers, body = outside.fake.webhook(name)
    assert await outside.send((headers, body)) == 204
    refused = [outside.fake.webhook(name, is_forged=True), outside.fake.webhook(name, age=301)]
    refused += [({}, body), (headers, body[:-1] + b" }"), (headers, b"nonsense"), (headers, b"[]")]
    assert [await outside.send(each) for each in refused] == [400] * 6


async def test_repeated_and_reordered_webhooks_have_their_effect_once(outside):
    payment = await outside.begin("1401")
    name = outside.name(payment)
    early = outside.fake.webhook(name, event=f"{name}-1")
    outside.fake.act(name, is_approved=True)
    late = outside.fake.webhook(name, event=f"{name}-2")
    assert {await outside.send(each) for each in (late, early, late, early)} == {204}
    assert ((await outside.read(payment))["stage"], outside.events(payment)) == ("AUTHORISED", ["PAYMENT_AUTHORIZED"])
