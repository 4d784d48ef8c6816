"""What browsers send as they leave a page: `navigator.sendBeacon` names its body `text/plain`, and scripts compress it.

The collector's fast path and its route read plain JSON; this makes it of both. A compressed body is unpacked no further
than it may be large or may have grown: more than that is never in memory.
"""

import zlib
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.analytics.api import PATH
from services.common.runtime.errors import Problem
from services.common.web.fast_path import Body

MAX_GROWTH: Final = 100
"""A batch of 500 views of one visitor is 15 times as large as its gzip."""
ALWAYS_FITS: Final = 64 * 1024
"""A body of this size may have grown from any other."""
GZIP: Final = zlib.MAX_WBITS | 16
TYPE, ENCODING, LENGTH = b"content-type", b"content-encoding", b"content-length"
BEACON: Final = (b"text/plain", b"text/plain;charset=utf-8")


class NotGzip(Problem):
    """The body is not one whole gzip member."""

    status = 400
    title = "Malformed gzip"


class TooLarge(Problem):
    """The body unpacks to more than is read."""

    status = 413
    title = "Content too large"


class UnknownEncoding(Problem):
    """The body is compressed by something else than gzip."""

    status = 415
    title = "Unsupported media type"

    def __init__(self) -> None:
        super().__init__("Compress with gzip alone.", headers={"Accept-Encoding": "gzip"})


class Beacons:
    """Passes the collector's requests on as plain JSON of at most `max_bytes`."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what it is; all other requests unchanged."""
        if scope["type"] == "http" and scope["path"] == PATH:
            try:
                scope, receive = await self._plain(scope, receive)
            except Problem as problem:
                await problem.response()(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _plain(self, scope: Scope, receive: Receive) -> tuple[Scope, Receive]:
        given, changed = dict(scope["headers"]), {}
        if given.get(TYPE, b"").replace(b" ", b"").lower() in BEACON:
            changed[TYPE] = b"application/json"
        elif ENCODING not in given:
            return scope, receive
        encoding = given.get(ENCODING, b"identity").strip().lower()
        if encoding == b"gzip":
            content = unpacked(await Body(receive).read(self._max_bytes), self._max_bytes)
            changed[LENGTH] = str(len(content)).encode()
            receive = _received(content, receive)
        elif encoding != b"identity":
            raise UnknownEncoding
        kept = [each for each in scope["headers"] if each[0] not in {ENCODING, *changed}]
        return {**scope, "headers": [*kept, *changed.items()]}, receive


def unpacked(body: bytes | None, most: int) -> bytes:
    """The content of a gzip body; None is one that is too large itself.

    Raises:
        TooLarge: it is larger than `most`, or has grown more than JSON does.
        NotGzip: it is damaged, or has something behind it.
    """
    if body is None:
        raise TooLarge
    most = min(most, max(ALWAYS_FITS, MAX_GROWTH * len(body)))
    unpacking = zlib.decompressobj(GZIP)
    try:
        content = unpacking.decompress(body, most + 1)
    except zlib.error as error:
        raise NotGzip("The body is no gzip.") from error
    if len(content) > most:
        raise TooLarge(f"A body may unpack to {most} bytes.")
    if not unpacking.eof or unpacking.unused_data:
        raise NotGzip("The body is not one whole gzip member.")
    return content


def _received(content: bytes, after: Receive) -> Receive:
    """Gives the content as the whole body, and then what comes after it."""
    begun: list[Message] = [{"type": "http.request", "body": content, "more_body": False}]

    async def receive() -> Message:
        return begun.pop() if begun else await after()

    return receive
