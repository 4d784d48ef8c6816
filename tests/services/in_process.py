"""A service in this process, and a client of it: its workers run only where they matter."""

from contextlib import aclosing, asynccontextmanager

import httpx2


class _Parts:
    """What an application closes when it ends."""

    def __init__(self, app):
        self._state = app.state

    async def aclose(self):
        for name in ("catalog", "producer", "database"):
            if (part := getattr(self._state, name, None)) is not None:
                await part.close()


@asynccontextmanager
async def client_of(app, *, has_workers=False, **options):
    """The client has these options of httpx2's, such as `headers` and `auth`."""
    async with (
        app.router.lifespan_context(app) if has_workers else aclosing(_Parts(app)),
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app), base_url="http://service", timeout=5, **options
        ) as client,
    ):
        yield client
