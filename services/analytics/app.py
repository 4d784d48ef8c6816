"""Composition root of analytics: `python -m services.common.web.server services.analytics.app:create_app`."""

from typing import Any

from fastapi import FastAPI

from services.analytics import external_ids, service
from services.analytics.api import router
from services.analytics.api_reports import router as reports_router
from services.analytics.beacons import Beacons
from services.analytics.bots import Speeds
from services.analytics.collector import TOPIC
from services.analytics.fast_path import CollectorFastPath
from services.analytics.logins import follow_auth
from services.analytics.settings import AnalyticsSettings
from services.analytics.windows import OLDEST
from services.common.messaging.consumer import Consumer
from services.common.messaging.erasure import TOPIC as DELETIONS
from services.common.messaging.producer import Producer
from services.common.messaging.relay import Relay
from services.common.storage.cache import Cache
from services.common.storage.database import Database
from services.common.web.app import build_app

MAX_BODY_BYTES = 2 * 1024 * 1024

REPORTS = ("popular", "trending", "funnel", "search-terms", "statistics")
"""What is cached, by the first part of its key."""


def create_app(settings: AnalyticsSettings | None = None) -> FastAPI:
    """Build the application; the collector works without the database, which only the queries and the consumer need."""
    settings = settings or AnalyticsSettings()
    database = Database(settings.database_url, pool_size=settings.database_pool_size, is_required=False)
    producer = Producer(settings)
    parts: dict[str, Any] = {"database": database, "producer": producer}
    consumer = Consumer(settings, topics=[TOPIC], handle=service.record, **parts)
    catalog = Consumer(
        settings, topics=[external_ids.TOPIC], handle=external_ids.follow_catalog, name="catalog", **parts
    )
    deletions = Consumer(settings, topics=[DELETIONS], handle=follow_auth, name="erasure", **parts)
    app = build_app(
        settings,
        title="Analytics",
        description="Collects what shoppers do, keeps their history, and reports on it.",
        routers=[router, reports_router],
        cache=Cache(settings, dict.fromkeys(REPORTS, OLDEST)),
        workers=[Relay(settings.database_url, producer), consumer, catalog, deletions],
        max_body_bytes=MAX_BODY_BYTES,
        fast_path=lambda app: Beacons(CollectorFastPath(app, routes=router.routes), MAX_BODY_BYTES),
        **parts,
    )
    app.state.external_ids = external_ids.ExternalIds(database)
    app.state.speeds = Speeds()
    return app
