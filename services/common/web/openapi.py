"""Completes the OpenAPI document with the problems and the security of every operation.

A route states only its own problems (`responses=problems(404)`); the statuses of the shared parts
are added here: 422 and 503 always, 400 and 413 where there is a body, 401 and 403 where there is a policy, 409 where an
`Idempotency-Key` is taken.
"""

from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant

from services.common.identity.policy import SCHEME, guarded_routes, policy_of
from services.common.runtime.errors import ProblemDocument, problems
from services.common.web.idempotency import key_is_required

METHODS = ("get", "put", "post", "delete", "patch", "head", "options", "trace")
Document = dict[str, Any]


def describe(app: FastAPI) -> None:
    """Replace the application's `openapi()` by one that completes the document, once."""
    generate = app.openapi

    def openapi() -> Document:
        if app.openapi_schema is None:
            app.openapi_schema = _complete(generate(), app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend it


def _complete(document: Document, app: FastAPI) -> Document:
    dependants = {
        (path, method.lower()): needs for path, methods, needs in guarded_routes(app.routes) for method in methods
    }
    for path, operations in document["paths"].items():
        for method in METHODS:
            if method in operations:
                _complete_operation(operations[method], dependants.get((path, method)))
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    problem = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs"))
    schemas["ProblemDocument"] = problem
    components["securitySchemes"] = {SCHEME: {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    return document


def _complete_operation(operation: Document, dependant: Dependant | None) -> None:
    policy = policy_of(dependant) if dependant else None
    responses = operation["responses"]
    responses.pop("422", None)  # FastAPI's own shape, which our handler does not use
    statuses = [401, 422, 503]
    if "requestBody" in operation:
        statuses += [400, 413]
    if policy is not None and not policy.is_public:
        statuses += [403]
    if dependant is not None and key_is_required(dependant) is not None:
        statuses += [409]
    for status, response in problems(*statuses).items():
        responses.setdefault(str(status), response)
    if policy is not None:
        operation["x-policy"] = policy.words
        operation["security"] = [{SCHEME: []}, *([{}] if policy.is_open_to_some else [])]
