"""The routing table: which service serves which path. The first match wins."""

from collections.abc import Callable, Coroutine, Iterator
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


def _to(service: str, *paths: str, upload: bool = False) -> Iterator[Forward]:
    return (Forward(path, service, upload) for path in paths)


TABLE = (
    *_to("analytics", "/v1/products/popular", "/v1/products/trending", "/v1/products/{productId:product}/statistics"),
    *_to("serving", "/v1/products/{productId:product}/similar"),
    *_to("catalog", "/v1/products/bulk", "/v1/categories/bulk", upload=True),
    *_to("catalog", "/v1/products/{productId:product}/images", upload=True),
    *_to("catalog", "/v1/images/{name}", "/v1/reviews", "/v1/reviews/{reviewId}"),
    *_to("catalog", "/v1/products", "/v1/products/{rest:path}", "/v1/categories", "/v1/categories/{rest:path}"),
    *_to("catalog", "/v1/search", "/v1/search/{rest:path}"),
    *_to("catalog", "/v1/attributes", "/v1/attributes/{rest:path}"),
    *_to("auth", "/v1/auth/{rest:path}"),
    *_to("profile", "/v1/users/me", "/v1/users/me/{rest:path}", "/v1/users/{userId}"),
    *_to("cart", "/v1/carts/{rest:path}"),
    *_to("order", "/v1/orders", "/v1/orders/{rest:path}", "/v1/returns/{rest:path}"),
    *_to("order", "/v1/users/{userId}/orders", "/v1/users/{userId}/returns"),
    *_to("payment", "/v1/payments/{paymentId}", "/v1/users/{userId}/payments"),
    *_to("payment", "/v1/local-payments/{rest:path}", "/v1/webhooks/{provider}"),
    *_to("profile", "/v1/erasures", "/v1/erasures/{userId}"),
    *_to("analytics", "/v1/actions", "/v1/order-events", "/v1/users/{userId}/actions", "/v1/users/{userId}/views"),
    *_to("analytics", "/v1/funnel", "/v1/search-terms"),
    *_to("serving", "/v1/users/{userId}/recommendations", "/v1/pages", "/v1/feedback", "/v1/models"),
    *_to("serving", "/v1/preview"),
    *_to("content", "/v1/displays", "/v1/top-page-displays", "/v1/top-page-displays/{rest:path}"),
    *_to("content", "/v1/banners", "/v1/banners/{rest:path}", "/v1/campaigns", "/v1/campaigns/{rest:path}"),
    *_to("content", "/v1/experiments", "/v1/experiments/{rest:path}", "/v1/audit"),
    *_to("content", "/v1/generations/{generation}/rows", upload=True),
    *_to("content", "/v1/generations", "/v1/generations/{rest:path}"),
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
