"""The payment service's composition root: `python -m services.common.web.server services.payment.app:create_app`."""

from fastapi import FastAPI

from services.common.messaging.consumer import Consumer
from services.common.messaging.erasure import TOPIC as AUTH
from services.common.messaging.erasure import erasing
from services.common.messaging.producer import Producer
from services.common.messaging.relay import Relay
from services.common.storage.database import Database
from services.common.web.app import build_app
from services.contracts.payments import PaymentMethod
from services.contracts.vault import Vault
from services.payment import api, records
from services.payment.provider import Provider
from services.payment.provider_local import LocalProvider
from services.payment.provider_paypal import PayPalProvider
from services.payment.provider_stripe import StripeProvider
from services.payment.reconciler import Reconciler
from services.payment.service import Payments
from services.payment.settings import PaymentSettings

CARDS = PaymentMethod.CREDIT_CARD, PaymentMethod.DEBIT_CARD, PaymentMethod.APPLE_PAY, PaymentMethod.GOOGLE_PAY


def create_app(settings: PaymentSettings | None = None) -> FastAPI:
    """Build the application, from the environment unless settings are given."""
    settings = settings or PaymentSettings()
    database, producer = Database(settings.database_url, pool_size=settings.database_pool_size), Producer(settings)
    providers = _providers(settings, database)
    payments = Payments(database, providers, Vault(settings.keys_file))
    erase = erasing("payment", records.erase)

    app = build_app(
        settings,
        title="Payment",
        description="Payments and refunds, by the providers that the shop has.",
        routers=[api.router],
        database=database,
        producer=producer,
        workers=[
            Relay(settings.database_url, producer),
            Reconciler(payments, settings.reconcile_seconds),
            Consumer(settings, topics=[AUTH], database=database, producer=producer, handle=erase, name="erasure"),
        ],
        closes=set(providers.values()),
    )
    app.state.payments = payments
    return app


def _providers(settings: PaymentSettings, database: Database) -> dict[PaymentMethod, Provider]:
    """The provider of each method that the shop takes; where one is real, nothing is only tried out."""
    found: dict[PaymentMethod, Provider] = {}
    if (key := settings.stripe_password) and (secret := settings.stripe_webhook_password):
        stripe = StripeProvider(settings.stripe_url, key.get_secret_value(), secret.get_secret_value())
        found |= dict.fromkeys(CARDS, stripe)
    user, key, webhook = settings.paypal_username, settings.paypal_password, settings.paypal_webhook
    if user and key and webhook:
        found[PaymentMethod.PAYPAL] = PayPalProvider(settings.paypal_url, user, key.get_secret_value(), webhook)
    if settings.local_password:
        local = LocalProvider(database, settings.local_password.get_secret_value(), is_trial=not found)
        left = {PaymentMethod.BANK_TRANSFER} if found else set(PaymentMethod) - {PaymentMethod.AMAZON_PAY}
        found |= dict.fromkeys(left, local)
    return found
