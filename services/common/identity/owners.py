"""Where a request names the owner of what it is about: in its path, its query or its body."""

from collections.abc import Iterator
from typing import Any, Literal

from fastapi import Request
from fastapi.dependencies.models import Dependant

from services.common.runtime.errors import Forbidden

Place = Literal["path", "query", "body"]
NAME = "userId"
SPELLINGS = (NAME, "user_id")
"""In a body; models take both."""


async def owner_in(request: Request, place: Place) -> str | None:
    """The owner that a request names; None if it names none, or is nothing that the route would take.

    Raises:
        Forbidden: it names the owner twice: the route may look at the other one.
    """
    if place == "path":
        return str(request.path_params[NAME])
    named = request.query_params.getlist(NAME) if place == "query" else await _in_body(request)
    if len(named) > 1:
        raise Forbidden(f"The {place} names its owner twice.")
    return next((each for each in named if isinstance(each, str)), None)


async def _in_body(request: Request) -> list[Any]:
    try:
        body = await request.json()  # parsed once: the route gets the same object
    except (ValueError, RecursionError):
        return []
    return [body[name] for name in SPELLINGS if name in body] if isinstance(body, dict) else []


def names_owner(place: Place, path: str, needs: Dependant) -> bool:
    """Whether the requests of a route name their owner there."""
    if place == "path":
        return f"{{{NAME}}}" in path
    if place == "query":
        return any(field.alias == NAME for field in needs.query_params)
    bodies = list(_bodies(needs))
    if len(bodies) != 1 or getattr(bodies[0].field_info, "embed", None):  # then the model is a member of the body
        return False
    model = getattr(bodies[0].field_info.annotation, "model_fields", {})
    return any(info.alias == NAME for info in model.values())


def _bodies(needs: Dependant) -> Iterator[Any]:
    yield from needs.body_params
    for inner in needs.dependencies:
        yield from _bodies(inner)
