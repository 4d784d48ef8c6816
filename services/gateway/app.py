"""The gateway: one entrance to all services, the top page, the API page and the storefront preview."""

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from functools import partial

from fastapi import FastAPI
from prometheus_client import start_http_server
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route

from services.common.runtime.health import Check
from services.common.runtime.http_client import ServiceClient
from services.common.storage.cache import Cache
from services.common.web.app import build_app
from services.gateway import drawings, preview, session, storefront, top_page, visitors
from services.gateway.accounts import Accounts
from services.gateway.documents import MergedDocument
from services.gateway.edge import EdgeMiddleware
from services.gateway.fast_path import ForwardingFastPath
from services.gateway.rate_limit import RateLimiter
from services.gateway.routing import forwarding
from services.gateway.settings import GatewaySettings
from services.gateway.upstream import Upstream

PAGE_SECONDS = 2.0


def create_app(settings: GatewaySettings | None = None) -> FastAPI:
    """Build the application, from the environment unless settings are given."""
    settings = settings or GatewaySettings()
    upstreams = {name: Upstream(name, url, settings) for name, url in settings.urls.items()}
    clients = {name: ServiceClient(name, url, timeout=PAGE_SECONDS) for name, url in settings.urls.items()}
    accounts = Accounts(settings)
    rate_limiter = RateLimiter(settings)
    forwarded = forwarding(settings, upstreams)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        with ExitStack() as parts:
            if settings.metrics_port is not None:
                metrics, thread = start_http_server(settings.metrics_port, settings.metrics_host)
                parts.callback(thread.join)
                parts.callback(metrics.server_close)
                parts.callback(metrics.shutdown)
            yield

    app = build_app(
        settings,
        title="Tanawari",
        description="One entrance to all services.",
        routers=[*(each.router for each in (top_page, visitors, session, preview, drawings)), forwarded],
        cache=Cache(settings, {"category": drawings.KEPT_SECONDS}),
        checks=[Check(name, partial(_is_alive, client), required=False) for name, client in clients.items()],
        closes=[*upstreams.values(), *clients.values(), accounts, rate_limiter],
        lifespan=lifespan,
        max_body_bytes=settings.max_body_bytes,
        fast_path=partial(ForwardingFastPath, routes=forwarded.routes),
        is_public=True,
        also_called=tuple(settings.urls),
    )
    app.state.rate_limiter = rate_limiter
    app.state.accounts, app.state.signer = accounts, settings.signer
    app.state.catalog, app.state.content, app.state.serving = map(clients.get, ("catalog", "content", "serving"))
    app.router.routes.insert(0, Route("/openapi.json", MergedDocument(clients, app.openapi()).answer))
    storefront.install(app)
    app.add_middleware(EdgeMiddleware, hosts=settings.allowed_hosts, most=settings.requests_at_once)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=settings.cors_origins,
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=[
            *("Authorization", "Content-Type", "Idempotency-Key", "If-Match"),
            *("X-Request-Id", "X-Deadline-Ms", "X-Visitor-Token"),
        ],
        expose_headers=["ETag", "Location", "X-Request-Id", "Retry-After"],
    )
    return app


async def _is_alive(client: ServiceClient) -> None:
    (await client.request("GET", "/health/live")).raise_for_status()
