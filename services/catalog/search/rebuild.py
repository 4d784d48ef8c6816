"""Makes the index anew beside the one in use, and swaps them in one transaction.

The new table lies in a schema of its own, which comes first on the search path while it is written: what writes the
index writes this one. What the follower has written into the index in use meanwhile is read again under its lock: these
are the rows of other transactions (`xmin`) than at the beginning. Whatever is wrong with the old index, nothing else is
read again. Needed after a change of how texts are read, or of how the index is made.
"""

from collections.abc import Callable, Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog.search import sources
from services.catalog.search.engine import Document
from services.catalog.search.follower import BATCH, LOCK
from services.catalog.search.store import COUNTING, Store, count_words
from services.catalog.search.writing import NothingWrittenError, write_each
from services.common.storage.database import Database

_PREPARE = (
    "DROP SCHEMA IF EXISTS search_next CASCADE",
    "CREATE SCHEMA search_next",
    "CREATE TABLE search_next.search_documents (LIKE search_documents INCLUDING DEFAULTS) WITH (fillfactor = 80)",
    "ALTER TABLE search_next.search_documents ADD CONSTRAINT pk_search_documents PRIMARY KEY (product_id)",
    "CREATE TABLE search_next.seen AS SELECT product_id, xmin AS version FROM search_documents",
)
_WRITE_THERE = text("SET LOCAL search_path = search_next, public")
_IDS = text("SELECT id FROM products WHERE id > :after ORDER BY id LIMIT :limit")
_INDEXES = text("""
    SELECT replace(indexdef, ' ON public.', ' ON search_next.') FROM pg_indexes
    WHERE schemaname = 'public' AND tablename = 'search_documents' AND indexname <> 'pk_search_documents'
""")
_MEANWHILE = text(f"""
    SELECT product_id FROM search_next.seen FULL JOIN public.search_documents old USING (product_id)
    WHERE seen.version IS DISTINCT FROM old.xmin
    UNION SELECT product_id FROM search_next.search_documents
    WHERE NOT EXISTS (SELECT FROM products p WHERE p.id = product_id AND {sources.SOLD})
""")  # noqa: S608 - our own
_SWAP = (
    "DROP TABLE public.search_documents",
    "ALTER TABLE search_next.search_documents SET SCHEMA public",
    "DROP SCHEMA search_next CASCADE",
)


async def rebuild(database: Database, store: Store, tell: Callable[[int], None]) -> int:
    """Make the index anew; the number of its documents, which `tell` hears as it grows.

    Raises:
        NothingWrittenError: the index takes no product, and is not put in place of the one in use.
    """
    async with database.sessions.begin() as session:
        for statement in _PREPARE:
            await session.execute(text(statement))
    after: int | None = 0
    count = 0
    while after is not None:
        async with database.sessions.begin() as session:
            await session.execute(_WRITE_THERE)
            ids = (await session.scalars(_IDS, {"after": after, "limit": BATCH})).all()
            written, products = await _write(session, store, list(ids))
            count += written
        if products and not count:
            raise NothingWrittenError
        after = ids[-1] if ids else None
        tell(count)
    async with database.sessions.begin() as session:
        for definition in (await session.scalars(_INDEXES)).all():
            await session.execute(text(definition))
        await session.execute(text("ANALYZE search_next.search_documents"))
    async with database.sessions.begin() as session:
        await session.execute(COUNTING)  # first: a count that waits for the lock has read the table that is dropped
        await session.execute(LOCK)
        await session.execute(_WRITE_THERE)
        ids = list((await session.scalars(_MEANWHILE)).all())
        for first in range(0, len(ids), BATCH):
            await _write(session, store, ids[first : first + BATCH])
        await count_words(session)  # of the new one; searches wait from the swap on
        for statement in _SWAP:
            await session.execute(text(statement))
    return count


async def _write(session: AsyncSession, store: Store, ids: list[int]) -> tuple[int, int]:
    """Write these products; how many documents the index has of them, and how many there are."""

    async def write(found: Sequence[Document], gone: Sequence[int]) -> None:
        try:
            async with session.begin_nested():
                await store.write(session, found, gone)
        except BaseException:
            store.words.forget()
            raise

    documents = {each.product_id: each for each in await sources.read(session, ids)}
    return await write_each(ids, documents, write), len(documents)
