"""Deletes visitors' carts that nobody comes back to."""

import asyncio
from datetime import timedelta

from services.cart.service import forget_visitors
from services.cart.settings import CartSettings
from services.common.runtime.worker import STALLED_AFTER, Worker, pause
from services.common.storage.database import Database


class Tidying(Worker):
    """Looks for old carts of visitors."""

    name = "tidying"

    def __init__(self, database: Database, settings: CartSettings) -> None:
        super().__init__()
        self._database, self._kept = database, timedelta(days=settings.visitor_days)

    async def run(self, stop: asyncio.Event) -> None:
        """Look for them until `stop` is set."""
        while not stop.is_set():
            async with self._database.sessions.begin() as session:
                await forget_visitors(session, self._kept)
            self.heartbeat()
            await pause(stop, STALLED_AFTER / 2)
