"""Which headers are forwarded: no hop-by-hop headers, and none that only the edge may set."""

from collections.abc import Iterable

import httpx2
from fastapi import Request

from services.common.runtime.deadline import DEADLINE_HEADER
from services.common.runtime.telemetry import traceparent

HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
OWN_TO_THE_EDGE = {"host", "cookie", "expect", DEADLINE_HEADER, "traceparent", "x-request-id", "forwarded"} | {
    f"x-forwarded-{what}" for what in ("for", "proto", "host", "port")
}


def outgoing(request: Request, seconds: float) -> list[tuple[bytes, bytes]]:
    """The headers for a service: the caller's own, the forwarded client and host, and the deadline."""
    headers = _without(request.headers.raw, request.headers.get("connection", ""), OWN_TO_THE_EDGE)
    address = request.client.host if request.client else "unknown"
    added = {
        "x-request-id": request.state.request_id,
        "x-forwarded-for": address,
        "x-forwarded-proto": request.url.scheme,
        "x-forwarded-host": request.headers.get("host", ""),
        DEADLINE_HEADER: str(int(seconds * 1000)),
        "traceparent": traceparent() or request.headers.get("traceparent", ""),
    }
    return headers + [(name.encode(), value.encode("latin-1")) for name, value in added.items() if value]


def incoming(answer: httpx2.Response) -> list[tuple[bytes, bytes]]:
    """The headers for the caller: the service's, without hop-by-hop headers."""
    return _without(answer.headers.raw, answer.headers.get("connection", ""), set())


def _without(headers: Iterable[tuple[bytes, bytes]], connection: str, names: set[str]) -> list[tuple[bytes, bytes]]:
    """The headers without hop-by-hop ones: the standard's, those named in `Connection`, and `names`.

    Spaces around a value are not part of it, but httptools keeps trailing ones.
    """
    dropped = HOP_BY_HOP | names | {name.strip().lower() for name in connection.split(",")}
    return [(name, value.strip(b" \t")) for name, value in headers if name.decode("latin-1").lower() not in dropped]
