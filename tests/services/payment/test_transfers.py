"""Bank transfers of a shop whose other payments are real: the shop's bank tells of the money, and nobody else."""

import httpx2
import pytest
import pytest_asyncio
from pydantic import SecretStr

from services.payment.app import create_app
from tests.services.payment.fakes import FakeStripe

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(settings):
    real = {"stripe_url": "http://127.0.0.1:9", "stripe_password": SecretStr("sk")}
    real |= {"stripe_webhook_password": SecretStr(FakeStripe.secret)}
    app = create_app(settings.model_copy(update=real))
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
def bank(app):
    """The shop's bank: it knows the secret."""
    provider = app.state.payments.provider("local")

    async def tells(message):
        headers, body = provider.sign(message)
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://payment") as client:
            return (await client.post("/v1/webhooks/local", headers=headers, content=body)).status_code

    return tells


async def test_a_transfer_is_complete_when_the_bank_says_that_it_is_paid(pay, bank, read):
    payment = await pay(paymentMethod="BANK_TRANSFER")
    name = f"local_{payment['id']}"
    assert await bank({"id": "b1", "payment": name}) == 204
    assert (await read(payment))["stage"] == "REQUIRES_ACTION"
    assert [await bank({"id": each, "payment": name, "paid": True}) for each in ("b2", "b2", "b3")] == [204] * 3
    assert (await read(payment))["status"] == "COMPLETED"


async def test_nobody_pays_by_saying_so(pay, calling, read):
    payment = await pay(paymentMethod="BANK_TRANSFER")
    answer = await calling("anna").post(f"/v1/local-payments/{payment['id']}/action", json={"approve": True})
    assert answer.status_code == 404
    assert (await read(payment))["stage"] == "REQUIRES_ACTION"


async def test_a_transfer_that_comes_too_late_is_refunded(pay, after, bank, read):
    payment = await pay(paymentMethod="BANK_TRANSFER")
    await after(payment, "cancel")
    assert await bank({"id": "b4", "payment": f"local_{payment['id']}", "paid": True}) == 204
    assert (await read(payment))["status"] == "REFUNDED"


async def test_cards_are_not_taken_by_the_local_provider(pay):
    payment = await pay()
    assert (payment["status"], payment["stage"]) == ("PROCESSING", "NEW")  # Stripe does not answer here
