"""The order service's composition root: `python -m services.common.web.server services.order.app:create_app`."""

from fastapi import FastAPI

from services.common.messaging.consumer import Consumer
from services.common.messaging.erasure import TOPIC as AUTH
from services.common.messaging.erasure import erasing
from services.common.messaging.producer import Producer
from services.common.messaging.relay import Relay
from services.common.storage.database import Database
from services.common.web.app import build_app
from services.order import api, api_returns, service
from services.order.clients import Services
from services.order.consumer import TOPIC, following
from services.order.sagas import Sagas
from services.order.settings import OrderSettings
from services.order.steps import Steps


def create_app(settings: OrderSettings | None = None) -> FastAPI:
    """Build the application, from the environment unless settings are given."""
    settings = settings or OrderSettings()
    database, producer = Database(settings.database_url, pool_size=settings.database_pool_size), Producer(settings)
    services = Services(settings)
    sagas = Sagas(database, Steps(services, settings), settings)
    handlers = {"payment": (TOPIC, following(sagas.wake_after)), "erasure": (AUTH, erasing("order", service.erase))}

    app = build_app(
        settings,
        title="Order",
        description="Orders, from the cart to the doorstep and back.",
        routers=[api.router, api_returns.router],
        database=database,
        producer=producer,
        workers=[
            Relay(settings.database_url, producer),
            sagas,
            *(
                Consumer(settings, topics=[topic], database=database, producer=producer, handle=handle, name=name)
                for name, (topic, handle) in handlers.items()
            ),
        ],
        closes=[services],
    )
    app.state.services, app.state.sagas = services, sagas
    return app
