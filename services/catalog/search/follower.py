"""Keeps the index equal to the catalogue.

Triggers write the id of each changed product to `search_changes`, in the change's own transaction. The follower takes
some of them, reads the products as they are now and writes the index. The entries are gone when the index has the
products: after a crash between, they are written again. One follower per database is active.
"""

import asyncio
import logging
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
_KEY = "hashtextextended('services.catalog.search', 0)"
LOCK = text(f"SELECT pg_advisory_xact_lock({_KEY})")
"""Waits until nobody else writes the index, and lets nobody until the transaction ends."""
_TRY_LOCK = text(f"SELECT pg_try_advisory_xact_lock({_KEY})")
_NEXT = "nextval(pg_get_serial_sequence('search_changes', 'id'))"
TURN = text(f"SELECT {_NEXT}")
"""The number of a write, for who has the lock."""
_TRY_TURN = text(f"SELECT CASE WHEN pg_try_advisory_xact_lock({_KEY}) THEN {_NEXT} END")
_TAKE = text("""
    DELETE FROM search_changes WHERE id IN (SELECT id FROM search_changes ORDER BY id LIMIT :limit) RETURNING product_id
""")


class Follower(Worker):
    """Follows the changes of products.

    `uncounted` is how many changes the index has whose words have not been counted; at first nobody knows it. While it
    `is_behind`, it is too early.
    """

    name = "search follower"

    def __init__(self, database: Database, index: Index) -> None:
        super().__init__()
        self._database, self._index = database, index
        self.uncounted = 1
        self.is_behind = True

    async def run(self, stop: asyncio.Event) -> None:
        """Follow until `stop` is set."""
        while not stop.is_set():
            count = await self.follow()
            self.heartbeat()
            self.is_behind = count == BATCH
            if not self.is_behind:
                await pause(stop, EVERY_SECONDS)

    async def follow(self) -> int:
        """Write the products of some changes; the number of changes."""
        async with self._database.sessions.begin() as session:
            turn = await session.scalar(_TRY_TURN)
            if turn is None:
                return 0
            taken = (await session.scalars(_TAKE, {"limit": BATCH})).all()
            if taken:
                ids = sorted(set(taken))
                documents = {each.product_id: each for each in await sources.read(session, ids)}
                await self._write(ids, documents, turn)
        self.uncounted += len(taken)
        return len(taken)

    async def _write(self, ids: Sequence[int], documents: Mapping[int, Document], turn: int) -> None:
        """Write these products, and by halves where one is at fault: that one is left out, and keeps up no other."""
        try:
            found = [documents[each] for each in ids if each in documents]
            await self._index.write(found, [each for each in ids if each not in documents], turn)
        except Exception as error:
            is_overdue_together = len(ids) > 1 and is_overdue(error)
            if not is_overdue_together and not _is_of_a_product(error):
                raise
            if len(ids) > 1:
                middle = len(ids) // 2
                await self._write(ids[:middle], documents, turn)
                await self._write(ids[middle:], documents, turn)
            else:
                logger.exception("product %d cannot be found by search", ids[0])
                await self._index.write([], ids, turn)


def _is_of_a_product(error: Exception) -> bool:
    """Whether what a product is made of caused this, and not the state of the index (a table that is missing)."""
    if isinstance(error, DBAPIError):
        return is_unstorable(error) or isinstance(error.orig, errors.SyntaxError)  # of its words
    return not is_unavailable(error)
