"""The fast path of the hottest route: `GET /v1/users/{userId}/recommendations`.

The framework takes longer to validate such a request than to answer it. So this middleware answers requests that are
clearly valid: a valid query, a token that was verified before, and a caller who asks for their own recommendations.
All other requests go to the route of the same path, and only that route reports errors.
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

from fastapi.responses import Response
from pydantic import ValidationError
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from ml.shelves.composing import Ask, DisplayType
from services.common.identity.ownership import is_owner
from services.common.identity.tokens import Verifier
from services.common.web.routing import route_of, stand_for
from serving.answers import ask_of, shelf_answer
from serving.schemas import RecommendationQuery

PATH: Final = "/v1/users/{userId}/recommendations"
OWN_PATH: Final = re.compile(r"/v1/users/([^\x00\s/]{1,128})/recommendations")
LISTS: Final = frozenset({"excludeIds", "categoryId"})
NAMES: Final = frozenset(field.alias for field in RecommendationQuery.model_fields.values())
LONGEST_QUERY: Final = 500


class Question(NamedTuple):
    """The parameters of a valid query."""

    shelf: DisplayType
    ask: Ask


class FastPath:
    """Middleware that answers clearly valid requests in place of the route of `PATH` in `routes`."""

    def __init__(self, app: ASGIApp, routes: list[BaseRoute]) -> None:
        self._app = app
        self._route = route_of(routes, PATH)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond, or pass the request on."""
        answer = _answer(scope) if scope["type"] == "http" and scope["method"] == "GET" else None
        if answer is None:
            await self._app(scope, receive, send)
            return
        stand_for(scope, self._route)
        await answer(scope, receive, send)


def _answer(scope: Scope) -> Response | None:
    """The response, or None for a request that must use the route."""
    path = OWN_PATH.fullmatch(scope["path"])
    if path is None or scope["root_path"] or (question := _question(scope["query_string"])) is None:
        return None
    state, user_id = scope["app"].state, path[1]
    headers = dict(reversed(scope["headers"]))  # the first value of each name counts
    authorization = headers.get(b"authorization")
    caller = None
    if authorization is not None:
        verifier: Verifier = state.verifier
        caller = verifier.known_bearer(authorization)
        if caller is None:
            return None
    if not is_owner(caller, user_id):
        return None
    seen = headers.get(b"if-none-match", b"").decode("latin-1")
    return shelf_answer(state, user_id, *question, seen=seen)


@lru_cache(maxsize=1_000)
def _question(query: bytes) -> Question | None:
    """The parameters of a query; None if it is invalid, or too long to be cached."""
    if len(query) > LONGEST_QUERY:
        return None
    given: dict[str, str | list[str]] = {}
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name not in NAMES:
            return None
        if name in LISTS:
            given[name] = [*given.get(name, ()), value]
        else:
            given[name] = value
    try:
        valid = RecommendationQuery.model_validate(given)
    except ValidationError:
        return None
    if any(each.own is not None for each in (*valid.exclude_ids, *valid.category_id)):
        return None  # the meaning of a name may change
    products, categories = ([each.id for each in ids] for ids in (valid.exclude_ids, valid.category_id))
    return Question(DisplayType(valid.shelf), ask_of(valid, products, categories))
