"""Has the index count in how many documents each word is: a minute after changes, or at once after many.

It takes a second for a hundred thousand documents, in which the follower goes on.
"""

import asyncio
import time

from sqlalchemy import text

from services.catalog.search.engine import Index
from services.catalog.search.follower import Follower
from services.common.runtime.worker import Worker, pause
from services.common.storage.database import Database

EVERY_SECONDS = 0.2
COUNT_EVERY_SECONDS = 60.0
MANY = 0.1
"""Where this part of the documents has changed, words are counted at once."""
_DOCUMENTS = text("SELECT documents FROM search_state")


class Counter(Worker):
    """Counts the words of what a follower has written."""

    name = "search counter"

    def __init__(self, database: Database, index: Index, follower: Follower) -> None:
        super().__init__()
        self._database, self._index, self._follower = database, index, follower
        self._counted_at = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Count when it is time, until `stop` is set."""
        while not stop.is_set():
            if self._follower.uncounted and not self._follower.is_behind:
                await self.count()
            self.heartbeat()
            await pause(stop, EVERY_SECONDS)

    async def count(self) -> None:
        """Count, if the last time was long ago or much has changed since."""
        changed = self._follower.uncounted
        async with self._database.sessions() as session:
            documents = await session.scalar(_DOCUMENTS) or 0
        if changed >= documents * MANY or time.monotonic() - self._counted_at >= COUNT_EVERY_SECONDS:
            await self._index.count()
            self._follower.uncounted -= changed
            self._counted_at = time.monotonic()
