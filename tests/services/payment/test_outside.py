"""What is particular to Stripe and to PayPal: their amounts, tokens, slowness, and who takes which method."""

from decimal import Decimal
from uuid import UUID

import pytest

from services.common.runtime.answers import CallFailedError
from services.common.storage.database import Database
from services.contracts.payments import PaymentMethod
from services.contracts.setting_errors import SettingError
from services.payment import app, provider_paypal, provider_stripe
from services.payment.domain import Stage, Step
from services.payment.errors import OutcomeUnknownError, RefusedError
from services.payment.provider import Charge
from services.payment.provider_paypal import PayPalProvider
from services.payment.provider_stripe import StripeProvider
from services.payment.settings import PaymentSettings
from tests.services.gateway.standing_in import served
from tests.services.payment.fakes import FakePayPal, FakeStripe

STRIPE = {"stripe_password": "sk_test_1", "stripe_webhook_password": FakeStripe.secret}
PAYPAL = {"paypal_username": "shop", "paypal_password": "secret", "paypal_webhook": FakePayPal.webhook_id}


@pytest.fixture
def stripe():
    fake = FakeStripe()
    with served(fake) as url:
        yield fake, StripeProvider(url, "sk_test_1", fake.secret)


@pytest.fixture
def paypal():
    fake = FakePayPal()
    with served(fake) as url:
        yield fake, PayPalProvider(url, "shop", "secret", fake.webhook_id)


def charge(amount="1200", currency="JPY", **more):
    return Charge("p1", 7, Decimal(amount), currency, PaymentMethod.CREDIT_CARD, token="pm_1", **more)


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [("1200", "JPY", 1200), ("12.30", "USD", 1230), ("4.500", "KWD", 4500), ("500", "ISK", 50_000), ("9", "MGA", 9)],
)
async def test_stripe_takes_amounts_in_its_smallest_unit(stripe, amount, currency, units):
    fake, provider = stripe
    made = await provider.do(Step.CREATE, charge(amount, currency), "k1")
    await provider.close()
    assert (fake.payments[made.external_id]["amount"], fake.payments[made.external_id]["currency"]) == (
        units,
        currency.lower(),
    )


async def test_an_amount_that_stripe_has_no_unit_for_is_refused(stripe):
    _, provider = stripe
    with pytest.raises(RefusedError, match="MGA"):
        await provider.do(Step.CREATE, charge("9.50", "MGA"), "k1")
    await provider.close()


@pytest.mark.parametrize(("amount", "currency", "value"), [("1200", "JPY", "1200"), ("12.3", "USD", "12.30")])
async def test_paypal_takes_amounts_with_the_digits_of_the_currency(paypal, amount, currency, value):
    fake, provider = paypal
    made = await provider.do(Step.CREATE, charge(amount, currency), "k1")
    await provider.close()
    asked = fake.payments[made.external_id]["purchase_units"][0]["amount"]
    assert asked == {"currency_code": currency, "value": value}


async def test_paypal_gives_one_token_for_many_calls_and_another_when_it_is_refused(paypal):
    fake, provider = paypal
    made = await provider.do(Step.CREATE, charge(), "k1")
    known = charge(external_id=made.external_id)
    assert (await provider.do(Step.ASK, known, "")).stage is Stage.REQUIRES_ACTION
    assert fake.tokens == ["token-1"]
    fake.tokens.append("withdrawn")
    with pytest.raises(CallFailedError):
        await provider.do(Step.ASK, known, "")
    assert (await provider.do(Step.ASK, known, "")).stage is Stage.REQUIRES_ACTION
    await provider.close()


async def test_a_paypal_account_may_have_payments_that_are_not_ours(paypal):
    fake, provider = paypal
    own = "0c9bd1a5-6f0c-4a0e-9d5b-0d2f4b3a7e11"
    notices = []
    for custom in (own, "order-17", None):
        fake.payments["ORDER7"] = {"id": "ORDER7", "custom_id": custom}
        notices.append(await provider.read_webhook(*fake.webhook("ORDER7")))
    await provider.close()
    assert [(each.external_id, each.payment_id) for each in notices] == [
        ("ORDER7", UUID(own)),
        ("ORDER7", None),
        ("ORDER7", None),
    ]


async def test_an_order_that_paypal_has_forgotten_was_never_paid(paypal):
    _, provider = paypal
    assert (await provider.do(Step.CANCEL, charge(external_id="ORDER9"), "k1")).stage is Stage.VOIDED
    with pytest.raises(OutcomeUnknownError, match="another account"):
        await provider.do(Step.ASK, charge(external_id="ORDER9", is_authorised=True), "k1")
    await provider.close()


async def test_money_that_is_authorised_after_a_payment_was_given_up_can_be_voided(paypal):
    fake, provider = paypal
    made = await provider.do(Step.CREATE, charge(), "k1")
    known = charge(external_id=made.external_id)
    assert (await provider.do(Step.CANCEL, known, "k2")).stage is Stage.VOIDED
    fake.act(made.external_id, is_approved=True)
    assert (await provider.do(Step.CONFIRM, known, "k3")).stage is Stage.AUTHORISED  # it was on its way
    assert (await provider.do(Step.CANCEL, known, "k2")).stage is Stage.VOIDED
    assert [what for what, _ in fake.done] == ["authorise", "void"]
    await provider.close()


@pytest.mark.parametrize("made", [StripeProvider, PayPalProvider], ids=["stripe", "paypal"])
async def test_a_provider_that_does_not_answer_is_not_waited_for(made, monkeypatch):
    for module in (provider_stripe, provider_paypal):
        monkeypatch.setattr(module, "LONGEST_CALL", 0.5)
    fake = FakeStripe() if made is StripeProvider else FakePayPal()
    fake.trouble("slow")
    with served(fake) as url:
        provider = made(url, "sk_test_1", "x") if made is StripeProvider else made(url, "shop", "secret", "x")
        with pytest.raises(CallFailedError):
            await provider.do(Step.CREATE, charge(), "k1")
        await provider.close()


@pytest.fixture
def takes(tmp_path):
    """Who takes which method."""

    def of(**given):
        settings = PaymentSettings(database_url="postgresql://nobody@127.0.0.1/payment", keys_file=tmp_path, **given)
        found = app._providers(settings, Database(settings.database_url))
        return {method.value: provider.name for method, provider in found.items()}, found

    return of


CARDS = dict.fromkeys(("CREDIT_CARD", "DEBIT_CARD", "APPLE_PAY", "GOOGLE_PAY"), "stripe")


def test_a_shop_without_providers_takes_nothing(takes):
    assert takes()[0] == {}


def test_on_trial_the_local_provider_takes_everything_but_amazon_pay(takes):
    names, found = takes(local_password="x")
    assert names.keys() == set(PaymentMethod) - {"AMAZON_PAY"}
    assert (set(names.values()), found[PaymentMethod.CREDIT_CARD].is_trial) == ({"local"}, True)


def test_stripe_takes_cards_and_paypal_paypal(takes):
    assert takes(**STRIPE, **PAYPAL)[0] == {**CARDS, "PAYPAL": "paypal"}


@pytest.mark.parametrize(("given", "others"), [(STRIPE, CARDS), (PAYPAL, {"PAYPAL": "paypal"})])
def test_beside_a_real_provider_the_local_one_takes_transfers_that_the_bank_tells_of(takes, given, others):
    names, found = takes(**given, local_password="x")
    assert names == {**others, "BANK_TRANSFER": "local"}
    assert found[PaymentMethod.BANK_TRANSFER].is_trial is False


@pytest.mark.parametrize("left_out", [*STRIPE, *PAYPAL])
def test_a_provider_is_configured_as_a_whole(takes, left_out):
    given = {**STRIPE, **PAYPAL}
    del given[left_out]
    with pytest.raises(SettingError, match=f"PAYMENT_{left_out.upper()} is not set"):
        takes(**given)
