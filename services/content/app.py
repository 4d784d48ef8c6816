"""The content service's composition root: `python -m services.common.web.server services.content.app:create_app`."""

from fastapi import FastAPI

from services.common.messaging.consumer import Consumer
from services.common.messaging.erasure import TOPIC as DELETIONS
from services.common.messaging.erasure import erasing
from services.common.messaging.producer import Producer
from services.common.messaging.relay import Relay
from services.common.runtime.http_client import ServiceClient
from services.common.storage.cache import Cache
from services.common.storage.database import Database
from services.common.web.app import build_app
from services.content import (
    api,
    api_audit,
    api_banners,
    api_campaigns,
    api_experiments,
    api_exports,
    api_generations,
    api_planned,
    service,
    wishes,
)
from services.content.clients import Catalog
from services.content.consumer import TOPIC, follow_catalog
from services.content.settings import ContentSettings

BATCH = 500
"""Catalog events per batch: pages wait while they are processed."""

CACHED = {"displays": 3_600, "banners": 3_600}
"""Seconds at most: a key has the version of what is shown, and these are how long an entry of an old one stays."""


def create_app(settings: ContentSettings | None = None) -> FastAPI:
    """Build the application, from the environment unless settings are given."""
    settings = settings or ContentSettings()
    database = Database(settings.database_url, pool_size=settings.database_pool_size)
    producer = Producer(settings)
    consumer = Consumer(
        settings,
        topics=[TOPIC],
        database=database,
        producer=producer,
        handle=follow_catalog,
        name="catalog",
        batch=BATCH,
    )
    deletions = Consumer(
        settings,
        topics=[DELETIONS],
        database=database,
        producer=producer,
        handle=erasing("content", service.erase),
        name="erasure",
    )
    profiles = Consumer(
        settings,
        topics=[wishes.TOPIC],
        database=database,
        producer=producer,
        handle=wishes.follow_profiles,
        name="profile",
    )
    catalog = Catalog(ServiceClient("catalog", settings.catalog_url))
    app = build_app(
        settings,
        title="Content",
        description="The top page: what merchandisers pin, hide and announce, and the models' choice, by generation.",
        routers=[
            *(api.router, api_planned.router, api_banners.router, api_campaigns.router, api_audit.router),
            *(api_experiments.router, api_exports.router, api_generations.router),
        ],
        database=database,
        producer=producer,
        cache=Cache(settings, CACHED),
        workers=[Relay(settings.database_url, producer), consumer, deletions, profiles],
        closes=[catalog],
    )
    app.state.catalog = catalog
    return app
