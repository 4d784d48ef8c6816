"""Gives back what was reserved and never paid for."""

import asyncio

from services.catalog.reservations.reservations import release_expired
from services.common.runtime.worker import Worker, pause
from services.common.storage.database import Database

MOST_AT_ONCE = 100


class Expiry(Worker):
    """Releases reservations whose time is over."""

    name = "expiry"

    def __init__(self, database: Database, every_seconds: float) -> None:
        super().__init__()
        self._database, self._every_seconds = database, every_seconds

    async def run(self, stop: asyncio.Event) -> None:
        """Look for expired reservations until `stop` is set."""
        while not stop.is_set():
            async with self._database.sessions.begin() as session:
                count = await release_expired(session, MOST_AT_ONCE)
            self.heartbeat()
            if count < MOST_AT_ONCE:
                await pause(stop, self._every_seconds)
