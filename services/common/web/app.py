"""Builds a service: the shared parts of every application around its routers.

    def create_app() -> FastAPI:
        settings = CatalogSettings()
        database = Database(settings.database_url)
        producer = Producer(settings)
        return build_app(
            settings, title="Catalog", routers=[router], database=database, producer=producer,
            workers=[Relay(settings.database_url, producer)], cache=Cache(settings, {"notes": 60}),
        )

Routes reach the parts by `request.app.state`: settings, database, producer, cache, verifier.
"""

from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from typing import Protocol

from anyio.to_thread import current_default_thread_limiter
from fastapi import APIRouter, FastAPI
from fastapi_offline import FastAPIOffline
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.types import ASGIApp

from services.common.identity.policy import faults_in
from services.common.identity.revocation import TOPIC as REVOCATIONS_TOPIC
from services.common.identity.tokens import Verifier
from services.common.messaging.follower import Follower
from services.common.messaging.producer import Producer
from services.common.runtime.deadline import DeadlineMiddleware
from services.common.runtime.garbage import frozen_heap
from services.common.runtime.health import Check, live, ready
from services.common.runtime.metrics import MetricsMiddleware, metrics
from services.common.runtime.settings import ServiceSettings
from services.common.runtime.shutdown import exit_cleanly_on_sigterm
from services.common.runtime.telemetry import TraceIds, set_up
from services.common.runtime.worker import Worker, running
from services.common.storage.cache import Cache
from services.common.storage.database import Database
from services.common.web.docs import DocsPolicy, page_of
from services.common.web.error_handlers import install_error_handlers
from services.common.web.idempotency import routes_unfit_for_keys
from services.common.web.limits import TooLargeAsProblem
from services.common.web.openapi import describe
from services.common.web.references import SlashesInReferences

THREADS = 2
"""Threads that read page files. More threads starve the event loop: with the usual 40, other clients' pages took
3 times as long under `unread answers` of `benchmarks.attacks`."""
MAX_BODY_BYTES = 256 * 1024
"""Hundreds of times what a route needs; bulk routes have their own limit."""
REVOCATIONS_WAIT_MS = 500
"""Maximum wait of an empty fetch: a revoked token is refused within a second."""
ONLY_TRACES = {"metrics": False, "logs": False, "operation_spans": False}
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


class Part(Protocol):
    """What is open while the application runs."""

    async def close(self) -> None:
        """End it."""


def build_app(  # noqa: PLR0913 - the parts a service may have
    settings: ServiceSettings,
    *,
    title: str,
    routers: Sequence[APIRouter],
    description: str = "",
    database: Database | None = None,
    producer: Producer | None = None,
    cache: Cache | None = None,
    workers: Sequence[Worker] = (),
    checks: Sequence[Check] = (),
    closes: Collection[Part] = (),
    lifespan: Lifespan | None = None,
    max_body_bytes: int = MAX_BODY_BYTES,
    fast_path: Callable[[ASGIApp], ASGIApp] | None = None,
    is_public: bool = False,
    also_called: Sequence[str] = (),
) -> FastAPI:
    """Build the application; it closes the given parts when it ends, and before them what else it `closes`.

    A `fast_path` is a middleware that answers some requests itself; they are counted and traced like all others. An
    `is_public` application is exposed to the internet: it has no `/metrics`, and its readiness reveals no names. It is
    `also_called` by the names of services behind it: tokens for these are verified, too.

    Raises:
        RuntimeError: a route states no policy, or one whose owner it does not name, or takes a key of nobody.
    """
    tracer_provider = set_up(settings)
    verifier = Verifier.of(settings, also_called=also_called)
    workers = [*workers, _revocations(settings, verifier)]
    app: FastAPI = FastAPIOffline(
        title=title,
        description=description,
        version="1",
        lifespan=_life(lifespan, workers, [*closes, *(each for each in (producer, cache, database) if each)]),
        redirect_slashes=False,
        telemetry={"tracer_provider": tracer_provider, "tracing": tracer_provider is not None, **ONLY_TRACES},
    )
    app.state.settings = settings
    app.state.database = database
    app.state.producer = producer
    app.state.cache = cache
    app.state.verifier = verifier
    app.add_route("/health/live", live(workers), include_in_schema=False)
    dependencies = [*_dependencies(database, producer, cache), *checks]
    app.add_route("/health/ready", ready(dependencies, tells_names=not is_public), include_in_schema=False)
    if not is_public:
        app.add_route("/metrics", metrics, include_in_schema=False)
    _include(app, routers)
    install_error_handlers(app)
    _add_middleware(app, settings.service, max_body_bytes, fast_path, is_traced=tracer_provider is not None)
    describe(app)
    return app


def _life(lifespan: Lifespan | None, workers: Sequence[Worker], parts: Sequence[Part]) -> Lifespan:
    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        exit_cleanly_on_sigterm()
        current_default_thread_limiter().total_tokens = THREADS
        async with AsyncExitStack() as stack:
            for part in reversed(parts):  # the first is closed first, and the others whatever comes of that
                stack.push_async_callback(part.close)
            async with lifespan(app) if lifespan else nullcontext(), running(workers):
                with frozen_heap():
                    yield

    return life


def _dependencies(database: Database | None, producer: Producer | None, cache: Cache | None) -> Iterator[Check]:
    if database:
        yield Check("database", database.check, required=database.is_required)
    if producer:
        yield Check("broker", producer.check, required=False)
    if cache:
        yield Check("cache", cache.check, required=False)


def _include(app: FastAPI, routers: Sequence[APIRouter]) -> None:
    for router in routers:
        app.include_router(router)
    if faults := list(faults_in(app.routes)):
        raise RuntimeError(f"nobody knows who may call: {'; '.join(faults)}")
    if unfit := list(routes_unfit_for_keys(app.routes, has_database=app.state.database is not None)):
        raise RuntimeError(f"keys need a database, and a policy that nobody passes without a token: {', '.join(unfit)}")


def _revocations(settings: ServiceSettings, verifier: Verifier) -> Follower:
    revocations = verifier.revocations
    return Follower(
        settings,
        topics=[REVOCATIONS_TOPIC],
        handle=revocations.apply,
        since=revocations.since,
        wait_ms=REVOCATIONS_WAIT_MS,
        name="revocations",
    )


def _add_middleware(
    app: FastAPI,
    service: str,
    max_body_bytes: int,
    fast_path: Callable[[ASGIApp], ASGIApp] | None,
    *,
    is_traced: bool,
) -> None:
    """The last one added is the first that a request meets."""
    app.add_middleware(DocsPolicy, page=page_of(app))
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=max_body_bytes)
    app.add_middleware(TooLargeAsProblem)
    app.add_middleware(DeadlineMiddleware)
    if fast_path is not None:
        app.add_middleware(fast_path)
    app.add_middleware(MetricsMiddleware, service=service)
    app.add_middleware(SlashesInReferences)
    if not is_traced:
        app.add_middleware(TraceIds)
