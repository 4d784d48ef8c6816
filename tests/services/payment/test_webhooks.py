import asyncio
import random
import time
from copy import copy

import httpx2
import psycopg
import pytest
import pytest_asyncio

from services.payment.provider import Notice
from services.payment.provider_local import SIGNATURE
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def send(app):
    client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://payment")

    async def post(headers, body):
        return (await client.post("/v1/webhooks/local", headers=headers, content=body)).status_code

    yield post
    await client.aclose()


@pytest.fixture
def provider(app):
    return app.state.payments.provider("local")


async def test_forged_and_old_webhooks_are_refused(pay, provider, send):
    payment = await pay("1401")
    headers, body = provider.sign({"id": "e1", "payment": f"local_{payment['id']}"})
    forged = {SIGNATURE: headers[SIGNATURE][:-1] + ("0" if headers[SIGNATURE][-1] != "0" else "1")}
    old = provider.sign({"id": "e2", "payment": f"local_{payment['id']}"}, int(time.time()) - 301)
    answers = [await send(forged, body), await send({}, body), await send(*old), await send(headers, body[:-1] + b" ")]
    assert answers == [400, 400, 400, 400]


@pytest.mark.parametrize("signature", ["t=x,v1=y", "t=,v1=", "nonsense", "t=1"])
async def test_what_is_no_signature_is_refused(send, signature):
    assert await send({SIGNATURE: signature}, b"{}") == 400


async def test_there_is_no_webhook_of_a_provider_that_is_not_configured(app):
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://payment") as client:
        assert (await client.post("/v1/webhooks/paypal", content=b"{}")).status_code == 404


async def test_repeated_and_reordered_webhooks_have_their_effect_once(pay, provider, send, events, database_url):
    payments = [await pay(paymentMethod="BANK_TRANSFER") for _ in range(5)]
    for payment in payments:
        await provider.act(f"local_{payment['id']}", is_approved=True)
    told = [
        provider.sign({"id": f"{p['id']}-{n}", "payment": f"local_{p['id']}"}) for p in payments for n in range(3)
    ] * 3
    random.Random(1).shuffle(told)
    assert set(await asyncio.gather(*(send(*each) for each in told))) == {204}
    assert [events(payment) for payment in payments] == [["PAYMENT_COMPLETED"]] * 5
    with psycopg.connect(database_url) as connection:
        (count,) = connection.execute("SELECT count(*) FROM webhooks WHERE event_id LIKE '%-%-%-%-%-_'").fetchone()
    assert count == 15


async def test_though_the_service_dies_at_a_webhook_its_payment_is_looked_at(app, pay, after, read, provider):
    payment, dying = await pay(paymentMethod="BANK_TRANSFER"), copy(app.state.payments)
    await after(payment, "cancel")  # so that it is not looked at anyway
    await provider.act(f"local_{payment['id']}", is_approved=True)

    async def dies(_):
        raise SystemError

    dying.look = dies
    with pytest.raises(SystemError):
        await dying.notice(provider, Notice("e5", f"local_{payment['id']}"))
    await eventually(lambda: read(payment), lambda found: found["status"] == "REFUNDED")


async def test_an_event_is_remembered_for_a_month(provider, send, database_url):
    ages = "SELECT 'local', 'of day ' || day, now() - day * interval '1 day' FROM unnest(ARRAY[29, 31]) AS day"
    with psycopg.connect(database_url) as connection:
        connection.execute(f"INSERT INTO webhooks {ages}")
    assert await send(*provider.sign({"id": "e4", "payment": "local_of_nobody"})) == 204
    with psycopg.connect(database_url) as connection:
        found = connection.execute("SELECT event_id FROM webhooks WHERE event_id LIKE 'of day %'").fetchall()
    assert found == [("of day 29",)]


async def test_a_webhook_of_an_unknown_payment_is_taken_and_changes_nothing(provider, send):
    assert await send(*provider.sign({"id": "e3", "payment": "local_of_nobody"})) == 204
