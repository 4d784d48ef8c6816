"""Turns every error of a route into a problem document, without internal details."""

import logging
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import iter_route_contexts
from psycopg.errors import ForeignKeyViolation, UniqueViolation
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from services.common.runtime.errors import (
    Conflict,
    Forbidden,
    Problem,
    Unauthorized,
    Unavailable,
    Unprocessable,
    faults_of,
    problem_response,
)
from services.common.runtime.outages import is_overdue, is_unavailable, is_unstorable

logger = logging.getLogger(__name__)
CLIENT_CLOSED_REQUEST = 499  # nobody reads this response; it only keeps cancelled requests out of the error metrics


def install_error_handlers(app: FastAPI) -> None:
    """Register the handlers on an application."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(ClientDisconnect, _broken_off)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(DBAPIError, _database_error)
    app.add_exception_handler(PoolTimeoutError, _database_away)
    app.add_exception_handler(Exception, _unexpected)


async def answer_to_mistake(request: Request, error: BaseException) -> Response | None:
    """The answer to what a route or FastAPI itself refused; None for every other error."""
    if isinstance(error, Problem):
        return await _problem(request, error)
    if isinstance(error, RequestValidationError):
        return await _invalid_request(request, error)
    if isinstance(error, HTTPException):
        return await _http_error(request, error)
    return None


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    if isinstance(error, Unauthorized | Forbidden) and getattr(request.state, "is_unverified", False):
        return Unavailable("Tokens cannot be verified at the moment.").response()  # the token may be valid
    return error.response()


async def _broken_off(_: Request, __: Exception) -> Response:
    return Response(status_code=CLIENT_CLOSED_REQUEST)


async def _invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults, found = faults_of(error), error.errors()
    if any(item["type"] == "json_invalid" for item in found):
        return problem_response(400, "Malformed JSON", "malformed-json", "The body is not valid JSON.", faults)
    detail = "Some values are not acceptable."
    is_unread = any(item["loc"] == ("body",) and item["type"] != "missing" for item in found)
    if is_unread and "json" not in request.headers.get("content-type", "").lower():
        detail = "The body is not read as JSON: send the header Content-Type: application/json."
    return Unprocessable(detail, errors=faults).response()


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    headers = dict(error.headers or {})
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(sorted(_methods_at(request)))
    detail = error.detail if error.detail != status.phrase else None
    return problem_response(status, status.phrase, status.phrase.lower().replace(" ", "-"), detail, headers=headers)


def _methods_at(request: Request) -> set[str]:
    """All methods of this path: Starlette names only those of the first matching route."""
    routes = iter_route_contexts(request.app.routes)
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    return {
        method
        for route in routes
        if getattr(route, "path_regex", None) and route.path_regex.match(path)
        for method in route.methods or ()
    }


async def _database_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, DBAPIError)
    if is_unstorable(error):  # the safety net: field types should have refused the value by name
        return Unprocessable("A value cannot be stored: it is out of range or not valid text.").response()
    if isinstance(error.orig, ForeignKeyViolation | UniqueViolation):  # the same: locks should have prevented it
        return Conflict("Another request changed what this one builds on; look again, and repeat it.").response()
    if is_overdue(error):
        logger.warning("a statement took too long", exc_info=error)
        return Unavailable("The database did not answer in time.").response()
    if is_unavailable(error):
        return await _database_away(_, error)
    return await _unexpected(_, error)


async def _database_away(_: Request, error: Exception) -> Response:
    logger.warning("database unavailable: %s", type(error).__name__)
    return Unavailable("The database is not reachable.").response()


async def _unexpected(_: Request, error: Exception) -> Response:
    logger.error("unexpected error", exc_info=error)
    return problem_response(500, "Internal error", "internal-error")
