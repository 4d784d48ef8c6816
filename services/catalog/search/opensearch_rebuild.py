"""Makes the index in OpenSearch anew beside the one in use, and swaps them by their alias.

From the moment that the new one is there, the follower writes to both. The rebuild's turn is older than any that the
follower then has: it never overwrites what has changed meanwhile. It makes the first index, too.
"""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

from sqlalchemy import text

from services.catalog.search import sources
from services.catalog.search.engine import Document
from services.catalog.search.follower import BATCH, LOCK, TURN
from services.catalog.search.opensearch import OpenSearchIndex
from services.catalog.search.opensearch_documents import DEFINITION
from services.catalog.search.writing import NothingWrittenError, write_each

_IDS = text("SELECT id FROM products WHERE id > :after ORDER BY id LIMIT :limit")


async def rebuild(index: OpenSearchIndex, tell: Callable[[int], None]) -> int:
    """Make the index anew; the number of its documents, which `tell` hears as it grows.

    Raises:
        NothingWrittenError: the index takes no product, and is not put in place of the one in use.
    """
    name = f"{index.alias}-{uuid4().hex}"
    async with index.database.sessions.begin() as session:
        await session.execute(LOCK)
        for left in await index.named(index.next):  # by a rebuild that did not end
            await index.ask("DELETE", f"/{left}")
        await index.ask("PUT", f"/{name}", {**DEFINITION, "aliases": {index.next: {}}})
        turn = await session.scalar(TURN)

    async def write(found: Sequence[Document], _: Sequence[int]) -> None:
        await index.write_next(found, turn)

    after: int | None = 0
    count = 0
    while after is not None:
        async with index.database.sessions() as session:
            ids = (await session.scalars(_IDS, {"after": after, "limit": BATCH})).all()
            documents = {each.product_id: each for each in await sources.read(session, list(ids))}
        count += await write_each(list(documents), documents, write)
        if documents and not count:
            raise NothingWrittenError
        after = ids[-1] if ids else None
        tell(count)
    async with index.database.sessions.begin() as session:
        await session.execute(LOCK)
        old = await index.named(index.alias)
        swap: list[dict[str, Any]] = [
            *({"remove_index": {"index": each}} for each in old),
            {"remove": {"index": name, "alias": index.next, "must_exist": True}},
            {"add": {"index": name, "alias": index.alias}},
        ]
        await index.ask("POST", "/_aliases", {"actions": swap})
    await index.count()
    return count
