"""Limits what a client may hold of a server before its request is parsed: uvicorn's protocol with a guard.

Neither httptools nor uvicorn limits headers: an unfinished header is copied again with every chunk, so that a line of
200 MB froze a worker for 52 s; and a client that sends nothing, or a byte per second, keeps a connection forever.

So a client that we wait for has a time limit: to complete the headers, to continue a body, to use an idle connection.
No clock runs while the client waits for us. At the connection limit, the connection that we have waited for longest is
closed: an idle or slow one; one whose request is being answered only if there is no other.
"""

import asyncio
from collections import defaultdict
from collections.abc import Collection
from heapq import nsmallest
from http import HTTPStatus
from math import ceil, inf
from operator import attrgetter
from time import monotonic
from typing import Any, ClassVar, Final

from prometheus_client import Counter
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from services.common.runtime.errors import problem_response
from services.common.runtime.settings import ServerLimits
from services.common.web.addresses import client_network
from services.common.web.failures import AnsweredFailures
from services.common.web.limits import ANNOUNCES_A_BODY, WholeBodies

EVERYWHERE: Final = "*"
LOOK_SECONDS: Final = 1.0
PIPELINED: Final = 100
"""Maximum number of requests that may queue behind the one being answered."""
GRACE_SECONDS: Final = 0.5
"""A new connection may take this long to send a request before it counts as waiting."""
PAUSE_SECONDS: Final = 0.05
PART: Final = 8
"""One in this many excess connections is closed at a time, so that clients do not all reconnect together."""
TURNED_AWAY: Final = Counter("tanawari_connections_turned_away", "Connections ended by the guard.", ["reason"])


class GuardedProtocol(HttpToolsProtocol):
    """One connection; `uvicorn --http services.common.web.guard:GuardedProtocol --ws none`."""

    limits: ClassVar[ServerLimits] = ServerLimits()
    _peers: ClassVar[defaultdict[str, dict["GuardedProtocol", None]]] = defaultdict(dict)
    """The connections of each address, in order of arrival."""
    _crowded: ClassVar[set[str]] = set()
    """The addresses for which connections are being closed, or `EVERYWHERE`."""
    _waits_since: float
    _granted: float

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Register the connection, and close others if there are too many."""
        super().connection_made(transport)
        self._unfinished = 0  # bytes of headers or chunk frames that the parser has buffered
        self._unread, self._unread_for = 0, 0.0  # unread response bytes, and for how long they have not decreased
        self._came_at = monotonic()
        self._wait(self.limits.head_seconds)
        self._look_again = self.loop.call_later(LOOK_SECONDS, self._look)
        address = self.client[0] if self.client else ""
        self._network = client_network(address)
        self._peers[self._network][self] = None
        self._is_proxy = address in getattr(self.app, "trusted_hosts", ())  # of uvicorn's ProxyHeadersMiddleware
        self.app = AnsweredFailures(WholeBodies(self.app))
        for where in (self._network, EVERYWHERE):
            if where not in self._crowded and self._too_many(where, self._all(where)) > 0:
                self._crowded.add(where)
                self.loop.call_later(GRACE_SECONDS, self._make_room, where)

    def connection_lost(self, exc: Exception | None) -> None:
        """Unregister the connection."""
        self._look_again.cancel()
        peers = self._peers[self._network]
        peers.pop(self, None)
        if not peers:
            del self._peers[self._network]
            self._crowded.discard(self._network)
        super().connection_lost(exc)
        if not self.connections:
            self._crowded.discard(EVERYWHERE)

    def data_received(self, data: bytes) -> None:
        """Parse received data, in pieces small enough that no header grows far beyond its limit."""
        size = self.limits.head_bytes
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            self._unfinished += len(piece)
            super().data_received(piece)
            if self._unfinished > size:
                self._turn_away(431, "head")
            if len(self.pipeline) > PIPELINED:
                self._turn_away(429, "pipeline")
            if self.transport.is_closing():
                return

    def on_headers_complete(self) -> None:
        """Wait for the body.

        Raises:
            ValueError: a body with an upgrade; the parser would drop the body, so the response is a 400.
        """
        is_upgrade = self.parser.should_upgrade()
        if is_upgrade and any(name in ANNOUNCES_A_BODY and value != b"0" for name, value in self.headers):
            raise ValueError("a body beside an upgrade")
        super().on_headers_complete()
        self.cycle.keep_alive &= not is_upgrade  # the parser reads nothing after it
        self._unfinished = 0
        self._wait(self.limits.body_pause_seconds)

    def on_body(self, body: bytes) -> None:
        """Extend the body's deadline by the time that these bytes may take."""
        self._unfinished = 0
        most = monotonic() - self._waits_since + self.limits.body_pause_seconds
        self._granted = min(self._granted + len(body) / self.limits.body_bytes_per_second, most)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Stop the clock while the request is answered."""
        super().on_message_complete()
        self._unfinished = 0
        self._await_next()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        if self._waits_since == inf:
            self._await_next()

    def resume_writing(self) -> None:
        """Record that the client reads."""
        super().resume_writing()
        self._unread_for = 0.0

    def _wait(self, seconds: float) -> None:
        self._waits_since, self._granted = monotonic(), seconds

    def _await_next(self) -> None:
        """Wait for the next headers, unless a complete request has no response yet."""
        self._wait(self.limits.head_seconds)
        if not self.cycle.response_complete:
            self._waits_since = inf

    def _all(self, where: str) -> Collection["GuardedProtocol"]:
        """The connections of an address, or of the server."""
        everyone: Any = self.connections  # all of this class
        return everyone if where == EVERYWHERE else self._peers.get(where, ())

    def _too_many(self, where: str, there: Collection["GuardedProtocol"]) -> int:
        """The number of connections over the limit."""
        if where == EVERYWHERE:
            return len(there) - self.limits.connections
        return 0 if self._is_proxy else len(there) - self.limits.connections_per_address

    def _make_room(self, where: str) -> None:
        """Close the connections waited for longest, a few at a time, until the limit holds."""
        there = [each for each in self._all(where) if not each.transport.is_closing()]
        if (many := self._too_many(where, there)) <= 0:
            self._crowded.discard(where)
            return
        for each in nsmallest(ceil(many / PART), there, key=attrgetter("_waits_since")):
            if monotonic() < each._came_at + GRACE_SECONDS:  # noqa: SLF001 - of this class
                break
            each._turn_away(503, "crowd")  # noqa: SLF001
        self.loop.call_later(PAUSE_SECONDS, self._make_room, where)

    def _look(self) -> None:
        """Check the deadlines once a second."""
        unread = self.transport.get_write_buffer_size()
        is_read = unread < self._unread - LOOK_SECONDS * self.limits.body_bytes_per_second
        self._unread_for = 0.0 if is_read or not unread else self._unread_for + LOOK_SECONDS
        self._unread = unread
        if self.flow.read_paused:
            self._granted += LOOK_SECONDS
        if self._unread_for > self.limits.unread_seconds:
            TURNED_AWAY.labels("unread").inc()
            self.transport.abort()
        elif monotonic() > self._waits_since + self._granted and not unread:
            self._turn_away(408, "slow")
        self._look_again = self.loop.call_later(LOOK_SECONDS, self._look)

    def _turn_away(self, status: int, reason: str) -> None:
        """Close the connection; state the reason only within a request: an idle client would take it for a response."""
        if self.transport.is_closing():
            return
        TURNED_AWAY.labels(reason).inc()
        self._waits_since = inf
        is_answered = self.cycle is None or self.cycle.response_complete
        if self._unfinished if is_answered else not (self.cycle.response_started or self.pipeline):
            title = HTTPStatus(status).phrase
            answer = problem_response(status, title, title.lower().replace(" ", "-"), headers={"Retry-After": "2"})
            head = [STATUS_LINE[status], *(b"%b: %b\r\n" % header for header in answer.raw_headers)]
            self.transport.write(b"".join((*head, b"connection: close\r\n\r\n", bytes(answer.body))))
        if not is_answered:
            self.cycle.disconnected = True
        self.transport.close()
