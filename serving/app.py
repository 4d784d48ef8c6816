"""Composition root of serving: `python -m services.common.web.server serving.app:create_app`."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI

from ml.shelves.composing import Rules
from services.common.messaging.producer import Producer
from services.common.runtime.health import Check
from services.common.runtime.http_client import ServiceClient
from services.common.web.app import build_app
from serving import api_preview
from serving.api import router
from serving.broker_watch import BrokerWatch
from serving.catalog import CatalogSnapshot
from serving.fast_path import RecommendationsFastPath
from serving.feedback import FeedbackSender
from serving.landed import LandedActions
from serving.live import Live, LiveFollower
from serving.merchandising import Merchandising
from serving.products import Products
from serving.recommender import Recommender
from serving.settings import ServingSettings
from serving.start import CATALOG_UNREAD, LANDED_UNREAD, InitialLoad
from serving.state import Models

logger = logging.getLogger(__name__)


def create_app(settings: ServingSettings | None = None) -> FastAPI:
    """Build the application; it serves from memory, and reports `degraded` when a followed part is unavailable."""
    settings = settings or ServingSettings()
    rules = Rules.load()
    models = Models(settings.bundles, rules, watch_seconds=settings.watch_seconds)
    products = Products()
    live = Live(models, products)
    follower = LiveFollower(settings, models, live)
    catalog = CatalogSnapshot(settings, products, models)
    start = [InitialLoad("catalog", CATALOG_UNREAD, catalog.read, follower)]
    if settings.warehouse_url:
        start.append(InitialLoad("landed", LANDED_UNREAD, LandedActions(settings.warehouse_url, live).read, follower))
    producer = Producer(settings)
    broker = BrokerWatch(producer)
    feedback = FeedbackSender(producer)
    content = ServiceClient("content", settings.content_url, timeout=settings.content_timeout)
    merchandising = Merchandising(
        content, watch_seconds=settings.content_watch_seconds, as_serving=settings.authentication("content")
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if settings.warehouse_url is None:
            logger.warning(
                "WAREHOUSE_SERVING_URL is not set: of shoppers' actions only what the log holds will be known"
            )
        await asyncio.gather(models.refresh(), merchandising.refresh())
        yield

    app = build_app(
        settings,
        title="Recommendations",
        description=__doc__,
        routers=[router, api_preview.router],
        producer=producer,
        workers=[models, follower, *start, broker, feedback, merchandising],
        checks=[Check("model", models.check, required=False)],
        fast_path=partial(RecommendationsFastPath, routes=router.routes),
        closes=[content, catalog],
        lifespan=lifespan,
    )
    app.state.recommender = Recommender(models, live, follower, start, broker, rules, settings.zone)
    app.state.feedback = feedback
    app.state.catalog = catalog
    app.state.merchandising = merchandising
    return app
