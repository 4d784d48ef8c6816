"""What all services store about a user, each asked with profile's own token, as one JSON document.

It is written to a file while services are asked, so that memory stays small however much there is. A service that does
not answer is a 503 that names it: no export looks whole that is not.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Final
from urllib.parse import quote

import orjson

from services.common.runtime.errors import Conflict
from services.common.runtime.http_client import ServiceClient
from services.profile.schemas import History, UserOut
from services.profile.settings import ProfileSettings

SECONDS: Final = 5.0
"""Of each call; the deadline of the request ends them all."""
PAGE_ROWS, MOST_ROWS = 250, 10_000
PAGE_BYTES: Final = 32 * 1024 * 1024
"""More than a page of the largest actions has."""
IN_MEMORY: Final = 1024 * 1024


_HISTORIES: Final = (
    (b',"order":{"orders":', "order", "orders", b""),
    (b',"returns":', "order", "returns", b"}"),
    (b',"payment":', "payment", "payments", b""),
    (b',"analytics":{"actions":', "analytics", "actions", b""),
    (b',"views":', "analytics", "views", b"}"),
)
"""What stands before each list, the service that has it, its name there, and what stands after it."""


class ExportRunning(Conflict):
    """The user's export is being made: it costs many requests, so one at a time."""

    title = "Export running"


class Exports:
    """Makes exports."""

    def __init__(self, settings: ProfileSettings) -> None:
        names = ("auth", "catalog", "analytics", "content", "cart", "order", "payment")
        urls: dict[str, str] = {name: getattr(settings, f"{name}_url") for name in names}
        self._clients = {
            name: ServiceClient(name, url, timeout=SECONDS, auth=settings.authentication(name))
            for name, url in urls.items()
        }
        self._running: set[str] = set()

    async def close(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            await client.close()

    async def make(self, profile: UserOut) -> IO[bytes]:
        """The export of a user with this profile, in a file that the caller closes.

        Raises:
            CallFailedError: a service did not answer.
            ExportRunning: see the class.
        """
        if profile.id in self._running:
            raise ExportRunning("Your data is being collected already; wait until that has ended.")
        self._running.add(profile.id)
        spool = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - the caller closes it
        try:
            async for piece in self._pieces(profile):
                spool.write(piece)
        except BaseException:
            spool.close()
            raise
        finally:
            self._running.discard(profile.id)
        return spool

    async def _pieces(self, profile: UserOut) -> AsyncIterator[bytes]:
        head = orjson.dumps({"userId": profile.id, "exportedAt": datetime.now(UTC)})[:-1]
        yield b'%b,"sections":{"profile":%b' % (head, profile.model_dump_json(by_alias=True).encode())
        user = quote(profile.id, safe="")
        for name in ("auth", "catalog", "content"):
            section = await self._clients[name].read(dict[str, Any], "GET", f"/v1/exports/{user}")
            yield b',"%b":%b' % (name.encode(), orjson.dumps(section))
        cart = await self._clients["cart"].read(dict[str, Any], "GET", f"/v1/carts/{user}")
        yield b',"cart":%b' % orjson.dumps(cart)
        for begin, service, name, end in _HISTORIES:
            yield begin + b'{"items":['
            async for piece in self._history(service, f"/v1/users/{user}/{name}"):
                yield piece
            yield end
        yield b"}}"

    async def _history(self, service: str, path: str) -> AsyncIterator[bytes]:
        """The latest rows, page by page, and the cursor of those that are left out."""
        cursor, separator = None, b""
        for _ in range(MOST_ROWS // PAGE_ROWS):
            params = {"limit": PAGE_ROWS, **({"cursor": cursor} if cursor else {})}
            page = await self._clients[service].read(History, "GET", path, params=params, most_bytes=PAGE_BYTES)
            for row in page.items:
                yield separator + orjson.dumps(row)
                separator = b","
            if (cursor := page.next_cursor) is None:
                break
        yield b'],"nextCursor":%b}' % orjson.dumps(cursor)
