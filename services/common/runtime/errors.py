"""Errors as RFC 9457 problems: a known error is a class with its status, one handler renders them all.

class ProductNotFound(NotFound):
    title = "Product not found"

raise ProductNotFound(f"There is no product {product_id}.")

@router.get("/v1/products/{productId}", responses=problems(404))
"""

import logging
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar

from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.common.runtime.telemetry import trace_id
from services.contracts.card_numbers import masked

logger = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
MOST_FAULTS = 20
LONGEST_NAME, LONGEST_MESSAGE = 100, 300


class Fault(BaseModel):
    """One thing wrong with a request: where (`body.items.0.price`) and what."""

    field: str
    message: str


def faults_of(
    error: ValidationError | RequestValidationError, *place: str | int, most: int = MOST_FAULTS
) -> list[Fault]:
    """The first validation errors of a model, without the values; `place` is the model's place in the request."""
    if isinstance(error, ValidationError):
        found: Sequence[Any] = error.errors(include_url=False, include_input=False, include_context=False)
    else:
        found = error.errors()
    return [
        Fault(
            field=masked(".".join(str(part)[:LONGEST_NAME] for part in (*place, *each["loc"]))),
            message=each["msg"][:LONGEST_MESSAGE],
        )
        for each in found[:most]
    ]


class ProblemDocument(BaseModel):
    """The body of every error answer."""

    model_config = ConfigDict(populate_by_name=True)

    type: str
    title: str
    status: int
    detail: str | None = None
    errors: list[Fault] = []
    trace_id: str | None = Field(None, alias="traceId")


class Problem(Exception):  # noqa: N818 - RFC 9457 calls it a problem
    """Base of the known errors; a subclass states its status and its title."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"
    is_final: ClassVar[bool] = True
    """Whether a repetition gets the same answer, if the status does not say it: no `Idempotency-Key` keeps another."""

    def __init__(
        self, detail: str | None = None, *, errors: Sequence[Fault] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.errors = list(errors)
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """The answer as `application/problem+json`."""
        slug = re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")
        return problem_response(self.status, self.title, slug, self.detail, self.errors, self.headers)


class Unauthorized(Problem):
    """A valid token is required."""

    status = 401
    title = "Unauthorized"

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": "Bearer"})


class Forbidden(Problem):
    """The token is valid but not permitted to do this."""

    status = 403
    title = "Forbidden"


class NotFound(Problem):
    """The resource named by the path does not exist."""

    status = 404
    title = "Not found"


class Conflict(Problem):
    """The request conflicts with the current state."""

    status = 409
    title = "Conflict"


class PreconditionFailed(Problem):
    """The resource has changed since the caller read it."""

    status = 412
    title = "Precondition failed"


class Unprocessable(Problem):
    """A value is not acceptable; `errors` name the fields."""

    status = 422
    title = "Unprocessable content"


class Unavailable(Problem):
    """A dependency of this response is unavailable; a retry after `retry_after` seconds may work."""

    status = 503
    title = "Service unavailable"

    def __init__(self, detail: str | None = None, *, retry_after: int = 2) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)})


def problem_response(
    status: int,
    title: str,
    slug: str,
    detail: str | None = None,
    errors: Sequence[Fault] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Render one problem; `slug` becomes its type, a stable name for programs."""
    document = ProblemDocument(
        type=f"urn:tanawari:problem:{slug}",
        title=title,
        status=status,
        detail=detail,
        errors=list(errors),
        trace_id=trace_id(),
    )
    return Response(
        document.model_dump_json(by_alias=True, exclude_none=True),
        status_code=status,
        media_type=MEDIA_TYPE,
        headers=dict(headers or {}),
    )


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses=` entry of an operation that can answer with these problems."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
        }
        for status in statuses
    }
