"""Prometheus metrics of HTTP: how many requests, how answered, how fast, by route template. Served at `/metrics`."""

import time

from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUESTS = Counter("tanawari_http_requests", "Requests answered.", ["service", "method", "route", "status"])
SECONDS = Histogram(
    "tanawari_http_request_seconds",
    "Time from the request to the end of its answer.",
    ["service", "method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class MetricsMiddleware:
    """Counts each request when its response has ended."""

    def __init__(self, app: ASGIApp, service: str) -> None:
        self._app = app
        self._service = service
        self._counters: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and observe it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def observe(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, observe)
        finally:
            method = scope["method"] if scope["method"] in METHODS else "other"
            requests, seconds = self._of(method, _route(scope), status)
            requests.inc()
            seconds.observe(time.perf_counter() - started)

    def _of(self, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
        """The two metrics of a kind of request, cached: looking them up by labels costs more than counting."""
        kind = method, route, status
        if kind not in self._counters:
            requests = REQUESTS.labels(self._service, method, route, str(status))
            self._counters[kind] = requests, SECONDS.labels(self._service, method, route)
        return self._counters[kind]


def _route(scope: Scope) -> str:
    """The route's template, or one value for all unknown paths, so that the label has few values."""
    context = scope.get("fastapi", {}).get("effective_route_context") or scope.get("route")
    return getattr(context, "path_format", None) or "unmatched"


async def metrics(_: Request) -> Response:
    """Everything this process counts, in Prometheus' text format."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
