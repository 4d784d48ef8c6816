"""Which headers are forwarded: no hop-by-hop headers, and none that only the edge may set."""

from collections.abc import Iterable, Iterator

from fastapi import Request
from multidict import CIMultiDict

from services.common.runtime.deadline import DEADLINE_HEADER
from services.common.runtime.telemetry import traceparent

Raw = tuple[bytes, bytes]
HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade"}
    | {b"proxy-authenticate", b"proxy-authorization", b"proxy-connection"}
)
OWN_TO_THE_EDGE = HOP_BY_HOP | (
    {b"host", b"cookie", b"expect", DEADLINE_HEADER.encode(), b"traceparent", b"x-request-id", b"forwarded"}
    | {b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port"}
)


def outgoing(request: Request, seconds: float) -> CIMultiDict[str]:
    """The headers for a service: the caller's own, the forwarded client and host, and the deadline.

    The client writes UTF-8, so bytes of a value that are none are left out.
    """
    scope = request.scope
    given = CIMultiDict(
        [(name.decode(), value.decode("utf-8", "ignore")) for name, value in _kept(scope["headers"], OWN_TO_THE_EDGE)]
    )
    added = {
        "x-request-id": request.state.request_id,
        "x-forwarded-for": scope["client"][0] if scope["client"] else "unknown",
        "x-forwarded-proto": scope["scheme"],
        "x-forwarded-host": request.headers.get("host"),
        DEADLINE_HEADER: str(int(seconds * 1000)),
        "traceparent": traceparent() or request.headers.get("traceparent"),
    }
    given.extend({name: value for name, value in added.items() if value})
    return given


def incoming(headers: Iterable[Raw]) -> list[Raw]:
    """The headers for the caller: the service's, without hop-by-hop headers, and its date: our server says one."""
    return list(_kept(headers, HOP_BY_HOP | {b"date"}))


def _kept(headers: Iterable[Raw], dropped: frozenset[bytes]) -> Iterator[Raw]:
    """The headers without the `dropped` ones and those named in `Connection`.

    Spaces around a value are not part of it, but httptools keeps trailing ones.
    """
    lowered = [(name.lower(), value.strip(b" \t")) for name, value in headers]
    named = {each.strip().lower() for name, value in lowered if name == b"connection" for each in value.split(b",")}
    kept_out = dropped | named
    return ((name, value) for name, value in lowered if name not in kept_out)
