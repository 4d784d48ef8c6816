"""Composition root of serving: `uvicorn --factory serving.app:create_app`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI

from ml.shelves import Rules
from services.common.app import build_app
from services.common.health import Check
from services.common.http import ServiceClient
from services.common.producer import Producer
from serving.api import router
from serving.feedback import FeedbackSender
from serving.live import BrokerWatch, Live, LiveFollower
from serving.merchandising import Merchandising
from serving.recommender import Recommender
from serving.settings import ServingSettings
from serving.short_way import ShortWay
from serving.state import Models


def create_app(settings: ServingSettings | None = None) -> FastAPI:
    """The application; it answers from memory, and says `degraded` where a part that it follows is away."""
    settings = settings or ServingSettings()
    rules = Rules.load()
    models = Models(settings.bundles, rules, watch_seconds=settings.watch_seconds)
    live = Live(models)
    follower = LiveFollower(settings, models, live)
    producer = Producer(settings)
    broker = BrokerWatch(producer)
    feedback = FeedbackSender(producer)
    content = ServiceClient("content", settings.content_url, timeout=settings.content_timeout)
    merchandising = Merchandising(content, watch_seconds=settings.content_watch_seconds)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await asyncio.gather(models.refresh(), merchandising.refresh())
        try:
            yield
        finally:
            await content.close()

    app = build_app(
        settings,
        title="Recommendations",
        description=__doc__,
        routers=[router],
        producer=producer,
        workers=[models, follower, broker, feedback, merchandising],
        checks=[Check("model", models.check, required=False)],
        short_way=partial(ShortWay, routes=router.routes),
        lifespan=lifespan,
    )
    app.state.recommender = Recommender(models, live, follower, broker, rules, settings.zone)
    app.state.feedback = feedback
    app.state.merchandising = merchandising
    return app
