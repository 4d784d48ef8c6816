"""Who may call a route. Every route states it; an application with a route that does not, does not start.

@router.get("/v1/products", dependencies=[PUBLIC])
@router.post("/v1/products", dependencies=[role("merchandiser", services=("importer",))])
@router.get("/v1/users/{userId}/views", dependencies=[owner("operator")])   # userId is the caller, or an operator calls
@router.post("/v1/pages", dependencies=[owner(place="body")])               # without a userId anybody may call
async def me(caller: Annotated[Principal, USER]) -> ...                     # where the route needs the caller
"""

from collections.abc import Iterator, Sequence
from typing import Any

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import BaseRoute

from services.common.identity.owners import Place, names_owner, owner_in
from services.common.identity.ownership import is_owner
from services.common.identity.principal import Principal
from services.common.identity.tokens import Verifier
from services.common.runtime.errors import Forbidden, Unauthorized, Unavailable

SCHEME = "bearer"
DOCS_MODULE = "fastapi_offline.core"
"""Its pages show the OpenAPI document, which is public."""
SAFE = frozenset({"GET", "HEAD"})


class Policy:
    """A dependency that returns the permitted caller, or refuses with 401 or 403.

    Args:
        kinds: the kinds of callers that it admits, whoever they are.
        place: where the request names the owner, whom it admits.
        roles: users with one of them are admitted.
        services: services of these names are admitted.
        is_public: everybody is admitted.
        takes_views: somebody who views as a user may use it with an unsafe method.
    """

    def __init__(
        self,
        *,
        kinds: Sequence[str] = (),
        place: Place | None = None,
        roles: Sequence[str] = (),
        services: Sequence[str] = (),
        is_public: bool = False,
        takes_views: bool = False,
    ) -> None:
        self.kinds, self.place, self.is_public = frozenset(kinds), place, is_public
        self.roles, self.services = frozenset(roles), frozenset(services)
        self.takes_views = takes_views

    async def __call__(self, request: Request) -> Principal | None:
        """The permitted caller; where nobody is needed, an unverifiable caller is anonymous."""
        owner = await owner_in(request, self.place) if self.place else None
        try:
            principal = await _caller(request)
        except Unavailable:
            if not self._is_open(owner):
                raise
            principal, request.state.is_unverified = None, True
        if principal is None and not self._is_open(owner):
            raise Unauthorized("A bearer token is needed.")
        if principal is not None and not self._admits(principal, owner):
            raise Forbidden("This token may not do that.")
        if principal is not None and self._is_barred_view(principal, request.method):
            raise Forbidden("Who views as a user may not change anything for that user.")
        request.state.principal = principal
        return principal

    def permits(self, caller: Principal, owner: str | None, method: str) -> bool:
        """Whether a verified caller may do that: a fast path asks in the place of the route."""
        return self._admits(caller, owner) and not self._is_barred_view(caller, method)

    def _is_open(self, owner: str | None) -> bool:
        return self.is_public or (self.place in ("query", "body") and owner is None)

    def _admits(self, caller: Principal, owner: str | None) -> bool:
        if self._is_open(owner):
            return True
        if caller.is_service:
            return caller.subject in self.services
        if owner is not None and is_owner(caller, owner):
            return True
        return caller.kind in self.kinds or bool(self.roles & caller.roles)

    def _is_barred_view(self, caller: Principal, method: str) -> bool:
        return caller.actor is not None and not (self.takes_views or method in SAFE)

    @property
    def is_open_to_some(self) -> bool:
        """Whether some requests need no token."""
        return self.is_public or self.place in ("query", "body")

    @property
    def words(self) -> str:
        """Whom it admits."""
        named = ["everybody"] if self.is_public else []
        named += [f"the owner (`userId` in the {self.place})"] if self.place else []
        named += [f"any {kind}" for kind in sorted(self.kinds)]
        named += [f"the role {each}" for each in sorted(self.roles)]
        named += [f"the service {each}" for each in sorted(self.services)]
        named += ["everybody without a `userId`"] if self.place in ("query", "body") else []
        return ", ".join(named)


PUBLIC: Any = Depends(Policy(is_public=True, takes_views=True))
USER: Any = Depends(Policy(kinds=("user",)))


def shopper(*, services: Sequence[str] = (), takes_views: bool = False) -> Any:  # noqa: ANN401 - what Depends() is typed as
    """The policy of a route for users and visitors, about themselves."""
    return Depends(Policy(kinds=("user", "visitor"), services=services, takes_views=takes_views))


SHOPPER: Any = shopper()


def owner(*roles: str, place: Place = "path", services: Sequence[str] = (), takes_views: bool = False) -> Any:  # noqa: ANN401
    """The policy of a route about one user or visitor: the owner, one of these roles, one of these services.

    Where the query or the body names no `userId`, there is no owner, and everybody may call.
    """
    return Depends(Policy(place=place, roles=roles, services=services, takes_views=takes_views))


OWNER: Any = owner()


def service(*names: str) -> Any:  # noqa: ANN401
    """The policy of a route for services of these names."""
    return Depends(Policy(services=names))


def role(*roles: str, services: Sequence[str] = ()) -> Any:  # noqa: ANN401
    """The policy of a route for users with one of these roles, and for services of these names."""
    return Depends(Policy(roles=roles, services=services))


def user(*, services: Sequence[str] = ()) -> Any:  # noqa: ANN401
    """The policy of a route for users, and for services of these names; the route looks whose the object is."""
    return Depends(Policy(kinds=("user",), services=services))


async def _caller(request: Request) -> Principal | None:
    """The principal of the Authorization header; an invalid token is refused even where none is needed."""
    headers = request.headers.getlist("authorization")
    if not headers:
        return None
    if len(headers) > 1:
        raise Unauthorized("There is more than one Authorization header.")
    scheme, _, token = headers[0].partition(" ")
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


def faults_in(routes: Sequence[BaseRoute]) -> Iterator[str]:
    """Routes that forgot to state who may call them, and those whose owner cannot be found in their requests."""
    for path, methods, needs in guarded_routes(routes):
        policy = policy_of(needs)
        if policy is None:
            yield f"{', '.join(sorted(methods))} {path} states no policy"
        elif policy.place and not names_owner(policy.place, path, needs):
            yield f"{', '.join(sorted(methods))} {path} has no userId in its {policy.place}"
