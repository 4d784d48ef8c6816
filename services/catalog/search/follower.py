"""Keeps the index equal to the catalogue.

Triggers write the id of each changed product to `search_changes`, in the change's own transaction. The follower takes
some of them, reads the products as they are now and writes the index. The entries are gone when the index has the
products: after a crash between, they are written again. One follower per database is active.
"""

import asyncio
from functools import partial

from sqlalchemy import text

from services.catalog.search import sources
from services.catalog.search.engine import Index
from services.catalog.search.writing import write_each
from services.common.runtime.worker import Worker, pause
from services.common.storage.database import Database

BATCH = 1_000
EVERY_SECONDS = 0.2
_KEY = "hashtextextended('services.catalog.search', 0)"
LOCK = text(f"SELECT pg_advisory_xact_lock({_KEY})")
"""Waits until nobody else writes the index, and lets nobody until the transaction ends."""
_NEXT = "nextval(pg_get_serial_sequence('search_changes', 'id'))"
TURN = text(f"SELECT {_NEXT}")
"""The number of a write, for who has the lock."""
_TRY_TURN = text(f"SELECT CASE WHEN pg_try_advisory_xact_lock({_KEY}) THEN {_NEXT} END")
_IS_CHANGED = text("SELECT min(id) IS NOT NULL FROM search_changes")
"""By its index: the table holds what is gone for a while."""
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
        (is_changed,) = await self._database.look(_IS_CHANGED)
        if not is_changed:
            return 0
        async with self._database.sessions.begin() as session:
            turn = await session.scalar(_TRY_TURN)
            if turn is None:
                return 0
            taken = (await session.scalars(_TAKE, {"limit": BATCH})).all()
            if taken:
                ids = sorted(set(taken))
                documents = {each.product_id: each for each in await sources.read(session, ids)}
                await write_each(ids, documents, partial(self._index.write, turn=turn))
        self.uncounted += len(taken)
        return len(taken)
