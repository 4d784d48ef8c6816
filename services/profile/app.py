"""The profile service's composition root: `python -m services.common.web.server services.profile.app:create_app`."""

from fastapi import FastAPI

from services.common.messaging.consumer import Consumer
from services.common.messaging.producer import Producer
from services.common.messaging.relay import Relay
from services.common.storage.database import Database
from services.common.web.app import build_app
from services.profile import api, api_erasures, erasures
from services.profile.consumer import TOPIC, follow_auth
from services.profile.exports import Exports
from services.profile.settings import ProfileSettings


def create_app(settings: ProfileSettings | None = None) -> FastAPI:
    """Build the application, from the environment unless settings are given."""
    settings = settings or ProfileSettings()
    database = Database(settings.database_url, pool_size=settings.database_pool_size)
    producer = Producer(settings)
    consumer = Consumer(settings, topics=[TOPIC], database=database, producer=producer, handle=follow_auth, name="auth")
    reports = Consumer(
        settings,
        topics=[erasures.TOPIC],
        database=database,
        producer=producer,
        handle=erasures.follow_erasures,
        name="erasures",
    )
    exports = Exports(settings)

    app = build_app(
        settings,
        title="Profile",
        description="Users: names, addresses and preferences.",
        routers=[api.router, api_erasures.router],
        database=database,
        producer=producer,
        workers=[Relay(settings.database_url, producer), consumer, reports],
        closes=[exports],
    )
    app.state.exports = exports
    return app
