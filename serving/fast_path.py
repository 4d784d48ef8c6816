"""The fast path of the hottest route: `GET /v1/users/{userId}/recommendations`.

The framework takes longer to validate such a request than to answer it. So requests that are clearly valid are answered
here: a valid query, a token that was verified before, and a caller who asks for their own recommendations.
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

from fastapi.responses import Response
from pydantic import ValidationError
from starlette.types import Scope

from ml.shelves.composing import DisplayType, PageQuery
from services.common.web.fast_path import Body, FastPath
from serving.answers import page_query, shelf_answer
from serving.schemas import RecommendationQuery

PATH: Final = "/v1/users/{userId}/recommendations"
OWN_PATH: Final = re.compile(r"/v1/users/([^\x00\s/]{1,128})/recommendations")
LISTS: Final = frozenset({"excludeIds", "categoryId"})
NAMES: Final = frozenset(field.alias for field in RecommendationQuery.model_fields.values())
LONGEST_QUERY: Final = 500


class Question(NamedTuple):
    """The parameters of a valid query."""

    shelf: DisplayType
    query: PageQuery


class RecommendationsFastPath(FastPath):
    """Answers clearly valid requests for one shelf."""

    method, path = "GET", PATH

    async def answer(self, scope: Scope, body: Body) -> Response | None:  # noqa: ARG002 - it has none
        """The response to a clearly valid request."""
        path = OWN_PATH.fullmatch(scope["path"])
        if path is None or (question := _question(scope["query_string"])) is None:
            return None
        if self.caller(scope, owner=path[1]) is None:
            return None
        headers = dict(reversed(scope["headers"]))  # the first value of each name counts
        seen = headers.get(b"if-none-match", b"").decode("latin-1")
        return shelf_answer(scope["app"].state, path[1], *question, seen=seen)


@lru_cache(maxsize=1_000)
def _question(query: bytes) -> Question | None:
    """The parameters of a query; None if it is invalid, or too long to be cached."""
    if len(query) > LONGEST_QUERY:
        return None
    given: dict[str, str | list[str]] = {}
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name not in NAMES or (name in given and name not in LISTS):
            return None
        if name in LISTS:
            given[name] = [*given.get(name, ()), value]
        else:
            given[name] = value
    try:
        valid = RecommendationQuery.model_validate(given)
    except ValidationError:
        return None
    if any(each.external_id is not None for each in (*valid.exclude_ids, *valid.category_id)):
        return None  # the meaning of a name may change
    products, categories = ([each.id for each in ids] for ids in (valid.exclude_ids, valid.category_id))
    return Question(DisplayType(valid.shelf), page_query(valid, products, categories))
