"""The catalog's composition root: `python -m services.common.web.server services.catalog.app:create_app`."""

from fastapi import FastAPI

from services.catalog import api, api_attributes, api_categories, api_reservations, api_snapshot, api_variants
from services.catalog.expiry import Expiry
from services.catalog.settings import CatalogSettings
from services.common.messaging.producer import Producer
from services.common.messaging.relay import Relay
from services.common.storage.database import Database
from services.common.web.app import build_app


def create_app(settings: CatalogSettings | None = None) -> FastAPI:
    """Build the application, from the environment unless settings are given."""
    settings = settings or CatalogSettings()
    producer = Producer(settings)
    database = Database(settings.database_url)
    return build_app(
        settings,
        title="Catalog",
        description="Products, their attributes, the category tree, stock, reservations of it, and special prices.",
        routers=[
            api.router,
            api_variants.router,
            api_categories.router,
            api_attributes.router,
            api_snapshot.router,
            api_reservations.router,
        ],
        database=database,
        producer=producer,
        workers=[Relay(settings.database_url, producer), Expiry(database, settings.expiry_seconds)],
    )
