"""Keeps the index equal to the catalogue.

Triggers write the id of each changed product to `search_changes`, in the change's own transaction. The follower takes
some of them, reads the products as they are now and writes the index. The entries are gone when the index has the
products: after a crash between, they are written again. One follower per database is active.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence

from psycopg import errors
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.catalog.search import sources
from services.catalog.search.engine import Document, Index
from services.common.runtime.outages import is_overdue, is_unavailable, is_unstorable
from services.common.runtime.worker import Worker, pause
from services.common.storage.database import Database

logger = logging.getLogger(__name__)

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
                documents = {each.product_id: each for each in await sources.read(session, ids)}
                await self._write(ids, documents)
        self._uncounted += len(taken)
        return len(taken)

    async def _write(self, ids: Sequence[int], documents: Mapping[int, Document]) -> None:
        """Write these products, and by halves where one is at fault: that one is left out, and keeps up no other."""
        try:
            found = [documents[each] for each in ids if each in documents]
            await self._index.write(found, [each for each in ids if each not in documents])
        except Exception as error:
            is_overdue_together = len(ids) > 1 and is_overdue(error)
            if not is_overdue_together and not _is_of_a_product(error):
                raise
            if len(ids) > 1:
                middle = len(ids) // 2
                await self._write(ids[:middle], documents)
                await self._write(ids[middle:], documents)
            else:
                logger.exception("product %d cannot be found by search", ids[0])
                await self._index.write([], ids)

    async def _count_words(self) -> None:
        if not self._uncounted:
            return
        async with self._database.sessions.begin() as session:
            documents = await session.scalar(_DOCUMENTS) or 0
            is_due = time.monotonic() - self._counted_at >= COUNT_EVERY_SECONDS
            if (is_due or self._uncounted >= documents * MANY) and await session.scalar(_TRY_LOCK):
                await self._index.count()
                self._uncounted, self._counted_at = 0, time.monotonic()


def _is_of_a_product(error: Exception) -> bool:
    """Whether what a product is made of caused this, and not the state of the index (a table that is missing)."""
    if isinstance(error, DBAPIError):
        return is_unstorable(error) or isinstance(error.orig, errors.SyntaxError)  # of its words
    return not is_unavailable(error)
