"""The router of every service: refuses unknown and repeated query parameters, and does keyed work once.

No cache keeps an answer to a known caller, or of a route that is not for everybody, unless the route says so itself.
`{productId:int}` in a path is read as digits; the parameter's own type validates the value. A parameter may be repeated
if its type is a list.

router = Router()

@router.get("/v1/products", dependencies=[PUBLIC])
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, get_args, get_origin

from fastapi import APIRouter, Request
from fastapi.dependencies.models import Dependant
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.convertors import Convertor, register_url_convertor

from services.common.identity.policy import policy_of
from services.common.runtime.errors import MOST_FAULTS, Fault, Unprocessable
from services.common.web.idempotency import key_is_required
from services.common.web.idempotent_requests import once

MOST_NAMES = 20_000
"""Maximum number of fields in a body: checking more would block other requests for too long."""
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class _Digits(Convertor[str]):
    regex = "[0-9]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return str(value)


register_url_convertor("int", _Digits())  # Starlette's own raises on more than 4,300 of them, which is a 500


class Route(APIRoute):
    """One operation."""

    def get_route_handler(self) -> Handler:
        """FastAPI's handler, wrapped in our additions."""
        answer: Callable[[Request], Awaitable[Response]] = super().get_route_handler()
        may_be_repeated = _query_names(self.dependant)
        has_body = self.body_field is not None
        policy, is_required = policy_of(self.dependant), key_is_required(self.dependant)

        async def handle(request: Request) -> Response:
            response = await answer(request)
            if policy is not None and (not policy.is_public or request.state.principal is not None):
                response.headers.setdefault("Cache-Control", "private, no-store")
            return response

        async def handler(request: Request) -> Response:
            if request.scope["query_string"] and (faults := _faults(request, may_be_repeated)):
                raise Unprocessable("The query is not one of this operation.", errors=faults)
            if has_body and (await request.body()).count(b":") > MOST_NAMES:
                raise Unprocessable(f"The body has more than {MOST_NAMES} names and values.")
            if policy is None or is_required is None:
                return await handle(request)
            return await once(request, policy, handle, is_required=is_required)

        return handler


class Router(APIRouter):
    """An APIRouter whose operations are `Route`s."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - FastAPI's own
        super().__init__(route_class=Route, **options)


def _query_names(dependant: Dependant) -> dict[str, bool]:
    """The parameters, and whether each may be repeated."""
    names: dict[str, bool] = {}
    for field in dependant.query_params:
        model = getattr(field.field_info.annotation, "model_fields", None)
        fields = (
            {info.alias or name: info for name, info in model.items()} if model else {field.alias: field.field_info}
        )
        names |= {name: _has_list(info.annotation) for name, info in fields.items()}
    for inner in dependant.dependencies:
        names |= _query_names(inner)
    return names


def _has_list(annotation: Any) -> bool:  # noqa: ANN401 - a type
    return get_origin(annotation) is list or any(_has_list(each) for each in get_args(annotation))


def _faults(request: Request, may_be_repeated: Mapping[str, bool]) -> list[Fault]:
    """What is unknown; and what is given twice and stands for one value, of which the last would win."""
    given = Counter(name for name, _ in request.query_params.multi_items())
    wrong = {
        name: "Unknown parameter" if name not in may_be_repeated else "May be given once"
        for name, count in given.items()
        if name not in may_be_repeated or (count > 1 and not may_be_repeated[name])
    }
    return [Fault(field=f"query.{name[:100]}", message=wrong[name]) for name in sorted(wrong)[:MOST_FAULTS]]
