"""The fast path of the question asked most: `GET /v1/users/{userId}/recommendations`.

To find out that such a request is in order takes the framework longer than the answer takes. So what is plainly in
order is answered here: a query that is valid, a token that was verified before, the caller's own answer. All else goes
the long way, through the route of the same path, which alone says what is wrong with a request.
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
    """What a valid query asks for."""

    shelf: DisplayType
    ask: Ask


class FastPath:
    """Middleware that answers what is plainly in order; it stands for the route of `PATH` among `routes`."""

    def __init__(self, app: ASGIApp, routes: list[BaseRoute]) -> None:
        self._app = app
        self._route = route_of(routes, PATH)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on."""
        answer = _answer(scope) if scope["type"] == "http" and scope["method"] == "GET" else None
        if answer is None:
            await self._app(scope, receive, send)
            return
        stand_for(scope, self._route)
        await answer(scope, receive, send)


def _answer(scope: Scope) -> Response | None:
    """The answer, or None for what must go the long way."""
    path = OWN_PATH.fullmatch(scope["path"])
    if path is None or scope["root_path"] or (question := _question(scope["query_string"])) is None:
        return None
    state, user_id = scope["app"].state, path[1]
    headers = dict(reversed(scope["headers"]))  # of each name the first holds
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
    """What a query asks for; None for an invalid one, and for one that is too long to be remembered."""
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
        return None  # what a name means may change
    products, categories = ([each.id for each in ids] for ids in (valid.exclude_ids, valid.category_id))
    return Question(DisplayType(valid.shelf), ask_of(valid, products, categories))
