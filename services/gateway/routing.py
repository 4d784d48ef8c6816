"""The routing table: which service serves which path. The first match wins."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute

from services.common.identity.policy import PUBLIC, Policy, policy_of, role
from services.gateway.rate_limit import limit
from services.gateway.settings import GatewaySettings
from services.gateway.upstream import Upstream

UPLOADERS = role("merchandiser", "operator", "admin", services=("importer", "pipelines"))
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


@dataclass(frozen=True)
class Forward:
    """A path and its service; an `upload` may be large and slow; an unauthorised one is refused after its beginning."""

    path: str
    service: str
    upload: bool = False


TABLE = (
    Forward("/v1/products/popular", "analytics"),
    Forward("/v1/products/{productId:product}/similar", "serving"),
    Forward("/v1/products/bulk", "catalog", upload=True),
    Forward("/v1/categories/bulk", "catalog", upload=True),
    Forward("/v1/products", "catalog"),
    Forward("/v1/products/{rest:path}", "catalog"),
    Forward("/v1/categories", "catalog"),
    Forward("/v1/categories/{rest:path}", "catalog"),
    Forward("/v1/auth/{rest:path}", "auth"),
    Forward("/v1/users/me", "profile"),
    Forward("/v1/users/me/{rest:path}", "profile"),
    Forward("/v1/users/{userId}", "profile"),
    Forward("/v1/carts/{rest:path}", "cart"),
    Forward("/v1/orders", "order"),
    Forward("/v1/orders/{rest:path}", "order"),
    Forward("/v1/returns/{rest:path}", "order"),
    Forward("/v1/users/{userId}/orders", "order"),
    Forward("/v1/payments/{paymentId}", "payment"),
    Forward("/v1/local-payments/{rest:path}", "payment"),
    Forward("/v1/webhooks/{provider}", "payment"),
    Forward("/v1/users/{userId}/payments", "payment"),
    Forward("/v1/erasures", "profile"),
    Forward("/v1/erasures/{userId}", "profile"),
    Forward("/v1/actions", "analytics"),
    Forward("/v1/order-events", "analytics"),
    Forward("/v1/users/{userId}/actions", "analytics"),
    Forward("/v1/users/{userId}/views", "analytics"),
    Forward("/v1/users/{userId}/recommendations", "serving"),
    Forward("/v1/pages", "serving"),
    Forward("/v1/feedback", "serving"),
    Forward("/v1/models", "serving"),
    Forward("/v1/displays", "content"),
    Forward("/v1/top-page-displays", "content"),
    Forward("/v1/top-page-displays/{rest:path}", "content"),
    Forward("/v1/generations", "content"),
    Forward("/v1/generations/{generation}/rows", "content", upload=True),
    Forward("/v1/generations/{rest:path}", "content"),
)


class ForwardingRoute(APIRoute):
    """A route that checks its policy and the rate limit itself: FastAPI's own way costs more than all else here."""

    policy: Policy
    """Who may use it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI asks once for this, at the start."""
        policy = policy_of(self.dependant)
        assert policy is not None, "as forwarding() gave it"
        self.policy = policy

        async def handle(request: Request) -> Response:
            await limit(request, await policy(request))
            return await self.endpoint(request)  # type: ignore[no-any-return]  # a method of Upstream

        return handle


def forwarding(settings: GatewaySettings, upstreams: dict[str, Upstream]) -> APIRouter:
    """The routes of the table. The service authorises the caller; an invalid token is refused here."""
    router = APIRouter(include_in_schema=False)
    for forward in TABLE:
        upstream = upstreams[forward.service]
        policy, size, endpoint = PUBLIC, None, upstream.forward
        if forward.upload:
            policy, size, endpoint = UPLOADERS, settings.max_upload_bytes, upstream.upload
        router.add_api_route(
            forward.path,
            endpoint,
            methods=METHODS,
            dependencies=[policy],
            response_model=None,
            route_class_override=ForwardingRoute,
            max_body_size=size,
        )
    return router
