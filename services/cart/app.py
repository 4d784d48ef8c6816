"""The cart's composition root: `python -m services.common.web.server services.cart.app:create_app`."""

from fastapi import FastAPI

from services.cart import api, service
from services.cart.clients import Catalog
from services.cart.consumer import AUTH, CATALOG, follow_catalog, merging
from services.cart.settings import CartSettings
from services.cart.tidying import Tidying
from services.common.messaging.consumer import Consumer
from services.common.messaging.erasure import erasing
from services.common.messaging.producer import Producer
from services.common.messaging.relay import Relay
from services.common.runtime.http_client import ServiceClient
from services.common.storage.database import Database
from services.common.web.app import build_app

CATALOG_SECONDS = 2.0


def create_app(settings: CartSettings | None = None) -> FastAPI:
    """Build the application, from the environment unless settings are given."""
    settings = settings or CartSettings()
    database, producer = Database(settings.database_url, pool_size=settings.database_pool_size), Producer(settings)
    authentication = settings.authentication("catalog")
    catalog = Catalog(ServiceClient("catalog", settings.catalog_url, timeout=CATALOG_SECONDS, auth=authentication))
    handlers = {
        "catalog": (CATALOG, follow_catalog),
        "logins": (AUTH, merging(settings)),
        "erasure": (AUTH, erasing("cart", service.erase)),
    }

    app = build_app(
        settings,
        title="Cart",
        description="Carts of visitors and users.",
        routers=[api.router],
        database=database,
        producer=producer,
        workers=[
            Relay(settings.database_url, producer),
            Tidying(database, settings),
            *(
                Consumer(settings, topics=[topic], database=database, producer=producer, handle=handle, name=name)
                for name, (topic, handle) in handlers.items()
            ),
        ],
        closes=[catalog],
    )
    app.state.catalog = catalog
    return app
