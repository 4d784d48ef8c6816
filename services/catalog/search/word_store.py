"""Writes the words of an index to `search_words`, where processes that understand searches read them (`words.py`)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog.search.analysis import Word
from services.catalog.search.documents import Terms

_ADD = text("""
    INSERT INTO search_words (key, reading, surface, heads, count)
    SELECT key, reading, surface, heads, count
    FROM json_to_recordset(CAST(:rows AS json)) AS r (key text, reading text, surface text, heads bigint, count bigint)
    ORDER BY key ON CONFLICT (key) DO UPDATE
    SET heads = excluded.heads, count = excluded.count, id = DEFAULT WHERE search_words.count = 0
""")
_SET_COUNTS = text("""
    UPDATE search_words SET heads = counts.heads, count = counts.count
    FROM (
        SELECT key, coalesce(heads.value::bigint, 0) AS heads, coalesce(counted.value::bigint, 0) AS count
        FROM search_words LEFT JOIN json_each_text(CAST(:heads AS json)) AS heads USING (key)
        LEFT JOIN json_each_text(CAST(:counts AS json)) AS counted USING (key)
        WHERE search_words.id <= :last AND (search_words.heads, search_words.count)
            <> (coalesce(heads.value::bigint, 0), coalesce(counted.value::bigint, 0))
        ORDER BY key FOR UPDATE OF search_words
    ) AS counts
    WHERE search_words.key = counts.key
""")
"""Rows are locked in the order in which `_ADD` locks them."""
_NOT_AMONG = text(
    "SELECT key FROM search_words WHERE count > 0 AND id <= :last EXCEPT SELECT unnest(CAST(:keys AS text[]))"
)
_ADDING = text("SELECT pg_advisory_xact_lock(hashtextextended('services.catalog.search.words', 0))")
"""Waits until nobody else adds words: their numbers appear in order, and who reads those after the last misses none.

Who needs the follower's `LOCK`, too, takes it before: a rebuild adds words without it.
"""
_LAST = text("SELECT coalesce(max(id), 0) FROM search_words")
_COUNTED_AT = text("SELECT counted_at FROM search_state")
_COUNTED = text("UPDATE search_state SET documents = :documents, counted_at = clock_timestamp()")


class WordStore:
    """The words' writer; it remembers those that are there, until somebody, maybe another process, has counted them."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._counted_at: datetime | None = None

    async def add(self, session: AsyncSession, found: Iterable[Terms]) -> None:
        """Add the words of some products that are new, counted in these alone for now."""
        if (counted_at := await session.scalar(_COUNTED_AT)) != self._counted_at:
            self._known.clear()  # some may be no more
            self._counted_at = counted_at
        new: dict[str, list[Any]] = {}
        for each in found:
            for key in each.tiers.keys() - self._known:
                if each.words[key].is_code:
                    continue
                entry = new.setdefault(key, [each.words[key], 0, 0])
                entry[1] += each.tiers[key] in "AB"
                entry[2] += 1
        if new:
            await session.execute(_ADDING)
            rows = [_row(key, *entry) for key, entry in new.items()]
            await session.execute(_ADD, {"rows": orjson.dumps(rows).decode()})
            self._known |= new.keys()

    def forget(self) -> None:
        """Take no word for known: a transaction that wrote some was rolled back."""
        self._known.clear()


async def last_word(session: AsyncSession) -> int:
    """The number of the newest word: it and those before it can be counted."""
    last: int = await session.scalar(_LAST)
    return last


async def words_not_among(session: AsyncSession, keys: Iterable[str], last: int) -> Sequence[str]:
    """Words that were counted in some document, until the last, and are none of these."""
    return (await session.scalars(_NOT_AMONG, {"keys": list(keys), "last": last})).all()


async def set_counts(
    session: AsyncSession, heads: Mapping[str, int], counts: Mapping[str, int], documents: int, last: int
) -> None:
    """Take these for in how many documents each word is, until the last that was there when they were counted."""
    shown = {"heads": orjson.dumps(heads).decode(), "counts": orjson.dumps(counts).decode()}
    await session.execute(_SET_COUNTS, {**shown, "last": last})
    await session.execute(_COUNTED, {"documents": documents})


def _row(key: str, word: Word, heads: int, count: int) -> dict[str, Any]:
    return {"key": key, "reading": word.reading, "surface": word.surface, "heads": heads, "count": count}
