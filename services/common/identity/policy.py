"""Who may call a route. Every route states it; an application with a route that does not, does not start.

@router.get("/v1/products", dependencies=[PUBLIC])
@router.post("/v1/products", dependencies=[role("merchandiser")])       # a service token may do it too
@router.get("/v1/users/{userId}/views", dependencies=[OWNER])           # userId is the caller, or a service calls
async def me(caller: Annotated[Principal, USER]) -> ...                 # where the route needs the caller
async def collect(caller: Annotated[Principal | None, PUBLIC]) -> ...   # None for a visitor without a token
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import BaseRoute

from services.common.identity.tokens import Principal, Verifier
from services.common.runtime.errors import Forbidden, Unauthorized, Unavailable

Kind = Literal["public", "user", "owner", "service", "role"]
SCHEME = "bearer"
DOCS_MODULE = "fastapi_offline.core"
"""Its pages show the OpenAPI document, which is public."""


class Policy:
    """A dependency that returns the permitted caller's principal, or refuses with 401 or 403."""

    def __init__(self, kind: Kind, *roles: str) -> None:
        self.kind = kind
        self.roles = frozenset(roles)

    async def __call__(self, request: Request) -> Principal | None:
        """The permitted caller; on a public route an unverifiable caller is anonymous."""
        try:
            principal = await _caller(request)
        except Unavailable:
            if self.kind != "public":
                raise
            principal, request.state.is_unverified = None, True
        if self.kind != "public":
            if principal is None:
                raise Unauthorized("A bearer token is needed.")
            if not self._admits(principal, request):
                raise Forbidden("This token may not do that.")
        request.state.principal = principal
        return principal

    def _admits(self, principal: Principal, request: Request) -> bool:
        if principal.is_service:
            return self.kind != "user"
        if self.kind == "owner":
            return bool(request.path_params["userId"] == principal.subject)
        if self.kind == "role":
            return bool(self.roles & principal.roles)
        return self.kind == "user"


PUBLIC: Any = Depends(Policy("public"))
USER: Any = Depends(Policy("user"))
OWNER: Any = Depends(Policy("owner"))
SERVICE: Any = Depends(Policy("service"))


def role(*roles: str) -> Any:  # noqa: ANN401 - what Depends() is typed as
    """The policy of a route for users with one of these roles, and for services."""
    return Depends(Policy("role", *roles))


async def _caller(request: Request) -> Principal | None:
    """The principal of the Authorization header; an invalid token is refused even where none is needed."""
    header = request.headers.get("authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized("Only bearer tokens are understood.")
    verifier: Verifier = request.app.state.verifier
    return await verifier.verify(token.strip())


def policy_of(dependant: Dependant) -> Policy | None:
    """The policy among a route's dependencies."""
    for dependency in dependant.dependencies:
        if isinstance(dependency.call, Policy):
            return dependency.call
    return None


def guarded_routes(routes: Sequence[BaseRoute]) -> Iterator[tuple[str, set[str], Dependant]]:
    """Each route's path, methods and dependencies, among which its policy has to be."""
    for route in iter_route_contexts(routes):
        if isinstance(route.original_route, APIRoute) and route.original_route.endpoint.__module__ != DOCS_MODULE:
            yield route.path_format or "", route.methods or set(), route.dependant


def routes_without_policy(routes: Sequence[BaseRoute]) -> list[str]:
    """The routes that forgot to state who may call them; a service's test wants this empty."""
    guarded = guarded_routes(routes)
    return [f"{', '.join(methods)} {path}" for path, methods, needs in guarded if policy_of(needs) is None]
