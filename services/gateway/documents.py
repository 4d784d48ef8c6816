"""One OpenAPI document for all services: their documents, limited to routed paths and merged."""

import asyncio
import copy
import json
import logging
import re
import time
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import compile_path

from services.common.runtime.answers import CallFailedError
from services.common.runtime.http_client import ServiceClient
from services.gateway.routing import TABLE
from services.gateway.schemas import ServiceDocument

logger = logging.getLogger(__name__)
Document = dict[str, Any]
FRESH_SECONDS = 30.0
_ROUTES = [(forward.service, compile_path(re.sub(r":(?!path)\w+}", "}", forward.path))[0]) for forward in TABLE]
"""Without the kinds of parameters: documents name them, and `{productId}` itself is no product."""


def service_of(path: str) -> str | None:
    """The service that serves a path here, or None; a `{parameter}` matches any value."""
    return next((service for service, pattern in _ROUTES if pattern.match(path)), None)


class MergedDocument:
    """The merged document; while a service is unavailable its last known part stays."""

    def __init__(self, clients: dict[str, ServiceClient], own: Document) -> None:
        self._clients = clients
        self._own = own
        self._parts: dict[str, Document] = {}
        self._rendered = b""
        self._stale_at = 0.0
        self._lock = asyncio.Lock()

    async def answer(self, _: Request) -> Response:
        """The endpoint `/openapi.json`."""
        async with self._lock:
            if time.monotonic() >= self._stale_at:
                await self._renew()
        return Response(self._rendered, media_type="application/json")

    async def _renew(self) -> None:
        parts = await asyncio.gather(*(self._read(name) for name in self._clients))
        known = {**self._parts, **{name: part for name, part in zip(self._clients, parts, strict=True) if part}}
        if known != self._parts or not self._rendered:
            self._parts = known
            self._rendered = json.dumps(merge(self._own, known), separators=(",", ":")).encode()
        self._stale_at = time.monotonic() + (FRESH_SECONDS if all(parts) else 1.0)

    async def _read(self, name: str) -> Document | None:
        try:
            return (await self._clients[name].read(ServiceDocument, "GET", "/openapi.json")).model_dump()
        except CallFailedError as error:
            logger.warning("no API document from %s: %s", name, error)
            return None


def merge(own: Document, parts: dict[str, Document]) -> Document:
    """Merge the services' documents into the gateway's own one.

    A schema whose name another service uses for something else is renamed after its service; operations are tagged
    with theirs.
    """
    merged = copy.deepcopy(own)
    for name, document in sorted(parts.items()):
        paths, schemas = _with_distinct_names(document, name, merged["components"]["schemas"])
        merged["components"]["schemas"].update(schemas)
        for path, operations in paths.items():
            if service_of(path) == name:
                merged["paths"][path] = {key: _tagged(value, name) for key, value in operations.items()}
    return merged


def _with_distinct_names(part: Document, service: str, taken: Document) -> tuple[Document, Document]:
    """The paths and schemas of a part."""
    schemas = part["components"].get("schemas", {})
    clashing = {
        each: f"{service.title()}{each}" for each, schema in schemas.items() if taken.get(each, schema) != schema
    }
    text = json.dumps([part["paths"], schemas])
    text = re.sub(r'(?<="#/components/schemas/)[^"/]+', lambda name: clashing.get(name[0], name[0]), text)
    paths, schemas = json.loads(text)
    return paths, {clashing.get(name, name): schema for name, schema in schemas.items()}


def _tagged(operation: Any, service: str) -> Any:  # noqa: ANN401 - a path item also holds lists
    if not isinstance(operation, dict):
        return operation
    tagged = {**operation, "tags": [service]}
    if "operationId" in operation:
        tagged["operationId"] = f"{service}_{operation['operationId']}"
    return tagged
