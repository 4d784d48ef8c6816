"""The auth service's composition root: `python -m services.common.web.server services.auth.app:create_app`."""

from fastapi import FastAPI

from services.auth import api, api_account, api_users
from services.auth.attempts import Attempts
from services.auth.mail import Mailer
from services.auth.parts import Parts
from services.auth.passwords import Hasher
from services.auth.provider import IdentityProvider
from services.auth.provider_cognito import CognitoProvider
from services.auth.provider_local import LocalProvider
from services.auth.settings import AuthSettings
from services.auth.tasks import TaskWorker
from services.common.messaging.producer import Producer
from services.common.messaging.relay import Relay
from services.common.runtime.health import Check
from services.common.storage.database import Database
from services.common.web.app import build_app
from services.contracts.signing import Signer


def create_app(settings: AuthSettings | None = None) -> FastAPI:
    """Build the application, from the environment unless settings are given."""
    settings = settings or AuthSettings()
    assert settings.auth_signing_key_file is not None, "the settings have one"
    database = Database(settings.database_url, pool_size=settings.database_pool_size)
    producer = Producer(settings)
    provider = provider_of(settings, database)
    attempts = Attempts(settings.redis_url)

    app = build_app(
        settings,
        title="Auth",
        description="Accounts, logins, sessions and roles.",
        routers=[api.router, api_account.router, api_users.router],
        database=database,
        producer=producer,
        workers=[Relay(settings.database_url, producer), TaskWorker(database, Mailer(settings), provider.tasks)],
        checks=[Check("attempts", attempts.check, required=False)],
        closes=[provider, attempts],
    )
    signer = Signer(settings.auth_signing_key_file, settings.auth_issuer)
    app.state.parts = Parts(settings, database, provider, attempts, signer)
    return app


def provider_of(settings: AuthSettings, database: Database) -> IdentityProvider:
    """The identity provider that the settings name."""
    if settings.provider == "cognito":
        return CognitoProvider(settings)
    return LocalProvider(database.sessions, Hasher(settings.hashing_threads, settings.password_cost))
