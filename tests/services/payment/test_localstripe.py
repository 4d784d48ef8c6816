"""The calls of Stripe's SDK are right: another implementation of its API, localstripe, understands them.

It is under the GPL and runs in a process of its own. It knows nothing of idempotency keys, and writes its book to a
fixed place, which is left out here.
"""

import socket
import subprocess
import sys
from decimal import Decimal

import httpx2
import pytest

from services.contracts.payments import PaymentMethod
from services.payment.domain import RefundStatus, Stage, Step
from services.payment.errors import RefusedError
from services.payment.provider import Charge
from services.payment.provider_stripe import StripeProvider

RUN = """
import socket, sys
from aiohttp import web
from localstripe import resources, server
resources.Store.dump_to_disk = lambda self: None
web.run_app(server.app, sock=socket.socket(fileno=int(sys.argv[1])), print=None)
"""
GOOD, DECLINED, SECURE = "4242424242424242", "4000000000000341", "4000002500003155"


@pytest.fixture(scope="module")
def url():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        fd = listener.fileno()
        running = subprocess.Popen([sys.executable, "-c", RUN, str(fd)], pass_fds=[fd], stderr=subprocess.DEVNULL)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            running.kill()
            running.wait()


@pytest.fixture(scope="module")
def client(url):
    """The part of a browser, which enters cards."""
    with httpx2.Client(base_url=url, auth=("sk_test_1", ""), timeout=60) as client:
        yield client


@pytest.fixture
async def provider(url):
    made = StripeProvider(url, "sk_test_1", "whsec_1")
    yield made
    await made.close()


@pytest.fixture
def confirmed(client, provider):
    async def pay(card):
        fields = {"type": "card", "card[number]": card, "card[cvc]": "123"}
        fields |= {"card[exp_month]": "12", "card[exp_year]": "2030"}
        token = client.post("/v1/payment_methods", data=fields).json()["id"]
        new = Charge("p1", 7, Decimal("12.30"), "USD", PaymentMethod.CREDIT_CARD, token=token)
        made = await provider.do(Step.CREATE, new, "k1")
        assert made.stage is Stage.CREATED
        known = Charge(**{**vars(new), "external_id": made.external_id})
        return known, (await provider.do(Step.CONFIRM, known, "k2")).stage

    return pay


async def test_money_is_authorised_captured_and_refunded_once(provider, confirmed):
    known, stage = await confirmed(GOOD)
    assert stage is Stage.AUTHORISED
    assert (await provider.do(Step.CAPTURE, known, "k3")).stage is Stage.CAPTURED
    back = [await provider.refund(known, Decimal("2.30"), "r1:refund") for _ in range(2)]
    assert back[0] == back[1]
    assert back[0].status is RefundStatus.COMPLETED
    assert (await provider.refund(known, Decimal("10.00"), "r2:refund")).external_id != back[0].external_id


async def test_money_that_is_authorised_is_let_go(provider, confirmed):
    known, _ = await confirmed(GOOD)
    assert (await provider.do(Step.CANCEL, known, "k3")).stage is Stage.VOIDED
    assert (await provider.do(Step.ASK, known, "k4")).stage is Stage.VOIDED


async def test_a_declined_card_is_refused_for_a_reason(confirmed):
    with pytest.raises(RefusedError, match="refused by Stripe: card_declined"):
        await confirmed(DECLINED)


async def test_a_secure_card_waits_for_its_owner(client, provider, confirmed):
    known, stage = await confirmed(SECURE)
    assert stage is Stage.REQUIRES_ACTION
    name = known.external_id
    secret = client.get(f"/v1/payment_intents/{name}").json()["client_secret"]
    client.post(f"/v1/payment_intents/{name}/_authenticate", data={"client_secret": secret, "success": "true"})
    assert (await provider.do(Step.ASK, known, "k3")).stage is Stage.AUTHORISED
