"""Keeps the index equal to the catalogue.

Triggers write the id of each changed product to `search_changes`, in the change's own transaction. The follower takes
some of them, reads the products as they are now and writes the index; all that is one transaction, so that a crash
loses nothing. One follower per database is active.
"""

import asyncio
import time

from sqlalchemy import text

from services.catalog.search import sources
from services.catalog.search.engine import Index
from services.common.runtime.worker import Worker, pause
from services.common.storage.database import Database

BATCH = 1_000
EVERY_SECONDS = 0.2
COUNT_EVERY_SECONDS = 60.0
MANY = 0.1
"""Where this part of the documents has changed, words are counted at once."""
_KEY = "hashtextextended('services.catalog.search', 0)"
LOCK = text(f"SELECT pg_advisory_xact_lock({_KEY})")
"""Waits until nobody else writes the index, and lets nobody until the transaction ends."""
_TRY_LOCK = text(f"SELECT pg_try_advisory_xact_lock({_KEY})")
_TAKE = text("""
    DELETE FROM search_changes WHERE id IN (SELECT id FROM search_changes ORDER BY id LIMIT :limit) RETURNING product_id
""")
_DOCUMENTS = text("SELECT documents FROM search_state")


class Follower(Worker):
    """Follows the changes of products."""

    name = "search follower"

    def __init__(self, database: Database, index: Index) -> None:
        super().__init__()
        self._database, self._index = database, index
        self._uncounted = 0
        self._counted_at = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Follow until `stop` is set."""
        while not stop.is_set():
            count = await self.follow()
            self.heartbeat()
            if count < BATCH:
                await self._count_words()
                await pause(stop, EVERY_SECONDS)

    async def follow(self) -> int:
        """Write the products of some changes; the number of changes."""
        async with self._database.sessions.begin() as session:
            if not await session.scalar(_TRY_LOCK):
                return 0
            taken = (await session.scalars(_TAKE, {"limit": BATCH})).all()
            if taken:
                ids = sorted(set(taken))
                documents = await sources.read(session, ids)
                held = {document.product_id for document in documents}
                await self._index.write(session, documents, [each for each in ids if each not in held])
        self._uncounted += len(taken)
        return len(taken)

    async def _count_words(self) -> None:
        if not self._uncounted:
            return
        async with self._database.sessions.begin() as session:
            documents = await session.scalar(_DOCUMENTS) or 0
            is_due = time.monotonic() - self._counted_at >= COUNT_EVERY_SECONDS
            if (is_due or self._uncounted >= documents * MANY) and await session.scalar(_TRY_LOCK):
                await self._index.count(session)
                self._uncounted, self._counted_at = 0, time.monotonic()
