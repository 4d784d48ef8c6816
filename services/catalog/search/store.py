"""Writes the index in Postgres."""

import asyncio
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog.search.documents import Reader, Terms
from services.catalog.search.engine import Document
from services.catalog.search.follower import LOCK
from services.catalog.search.word_store import WordStore

_FACTS = (
    "group_id, leaf, category_ids, price, offer_price, offer_starts_at, offer_ends_at, rating, rating_count, in_stock,"
    " created_at"
)
_FACT_TYPES = (
    "product_id bigint, group_id bigint, leaf bigint, category_ids bigint[], price float8, offer_price float8,"
    " offer_starts_at timestamptz, offer_ends_at timestamptz, rating float8, rating_count bigint, in_stock boolean,"
    " created_at timestamptz"
)
_TEXTS = "digest, brand, attribute_values, terms, mentioned"
_TEXT_TYPES = "digest bigint, brand text, attribute_values text[], terms tsvector, mentioned tsvector"
_ALL = [name.strip() for name in f"{_FACTS}, {_TEXTS}".split(",")]
_DIGESTS = text("SELECT product_id, digest FROM search_documents WHERE product_id = ANY(:ids)")
_WRITE = text(
    f"INSERT INTO search_documents (product_id, {_FACTS}, {_TEXTS}) SELECT product_id, {_FACTS}, {_TEXTS}"  # noqa: S608
    f" FROM json_to_recordset(CAST(:rows AS json)) AS r ({_FACT_TYPES}, {_TEXT_TYPES})"
    f" ON CONFLICT (product_id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _ALL)}"
)
_UPDATE = text(
    f"UPDATE search_documents d SET ({_FACTS}) = ROW({', '.join(f'r.{name.strip()}' for name in _FACTS.split(','))})"  # noqa: S608
    f" FROM json_to_recordset(CAST(:rows AS json)) AS r ({_FACT_TYPES}) WHERE d.product_id = r.product_id"
)
"""Also of a row that stays equal: by its new `xmin` a rebuild knows what was followed meanwhile."""
_REMOVE = text("DELETE FROM search_documents WHERE product_id = ANY(:ids)")
_COUNT = text("""
    CREATE TEMPORARY TABLE counted ON COMMIT DROP AS
    WITH kinds AS (SELECT word, ndoc FROM ts_stat('SELECT terms FROM search_documents', 'ab')),
    counts AS (SELECT word, ndoc FROM ts_stat('SELECT terms FROM search_documents')),
    words AS (
        SELECT key, search_words.heads AS old_heads, search_words.count AS old_count,
            coalesce(kinds.ndoc, 0) AS heads, coalesce(counts.ndoc, 0) AS count
        FROM search_words LEFT JOIN counts ON counts.word = key LEFT JOIN kinds ON kinds.word = key
    )
    SELECT * FROM words WHERE (old_heads, old_count) <> (heads, count)
""")
_KEEP_RETURNED = text("""
    DELETE FROM counted WHERE count = 0
        AND (SELECT count(*) FROM search_documents WHERE terms @@ ltrim(quote_literal(key), 'E')::tsquery) > 0
""")
"""A word that was nowhere may have come back since; `count(*)`, as EXISTS of what is nowhere reads the whole table."""
_SET_COUNTS = text("""
    UPDATE search_words SET heads = counted.heads, count = counted.count FROM counted
    WHERE search_words.key = counted.key AND search_words.count = old_count
""")
_COUNTED = text(
    "UPDATE search_state SET documents = (SELECT count(*) FROM search_documents), counted_at = clock_timestamp()"
)
COUNTING = text("SELECT pg_advisory_xact_lock(hashtextextended('services.catalog.search.count', 0))")
"""Waits until nobody else counts. Who needs `LOCK`, too, takes it afterwards."""


class Store:
    """The index's writer; `words` writes those of its documents."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.words = WordStore()

    async def write(self, session: AsyncSession, documents: Sequence[Document], gone: Sequence[int]) -> None:
        """Hold these documents from now on, and these products no longer; unchanged texts are not read again."""
        if gone:
            await session.execute(_REMOVE, {"ids": gone})
        if not documents:
            return
        rows = await session.execute(_DIGESTS, {"ids": [each.product_id for each in documents]})
        held = {row.product_id: row.digest for row in rows}
        digests = [digest(document) for document in documents]
        changed = [
            (document, own)
            for document, own in zip(documents, digests, strict=True)
            if held.get(document.product_id) != own
        ]
        facts = [
            _facts(document)
            for document, own in zip(documents, digests, strict=True)
            if held.get(document.product_id) == own
        ]
        if facts:
            await session.execute(_UPDATE, {"rows": orjson.dumps(facts).decode()})
        if changed:
            await self._write_texts(session, changed)

    async def _write_texts(self, session: AsyncSession, changed: Sequence[tuple[Document, int]]) -> None:
        found = await asyncio.to_thread(self._read, changed)
        rows = [
            _facts(document)
            | {"digest": own, "brand": document.source.brand, "attribute_values": document.attribute_values()}
            | {"terms": vector(words.tiers.items()), "mentioned": vector((key, "") for key in words.mentioned) or None}
            for (document, own), words in zip(changed, found, strict=True)
        ]
        await session.execute(_WRITE, {"rows": orjson.dumps(rows).decode()})
        await self.words.add(session, found)

    def _read(self, changed: Sequence[tuple[Document, int]]) -> list[Terms]:
        return [self._reader.terms(document.source) for document, _ in changed]


async def count_words(session: AsyncSession) -> None:
    """Count in how many documents each word is; what adds words waits only while the counts are set."""
    await session.execute(COUNTING)
    await session.execute(_COUNT)
    await session.execute(LOCK)
    await session.execute(_KEEP_RETURNED)
    await session.execute(_SET_COUNTS)
    await session.execute(_COUNTED)


def digest(document: Document) -> int:
    """A number that tells whether a document's texts have changed."""
    content = orjson.dumps([document.source, document.attributes], option=orjson.OPT_SORT_KEYS)
    return int.from_bytes(blake2b(content, digest_size=8).digest(), signed=True)


def vector(words: Iterable[tuple[str, str]]) -> str:
    """Words with their weights as Postgres reads a `tsvector`."""
    return " ".join(f"{quoted(key)}:1{weight}" if weight else quoted(key) for key, weight in words)


def quoted(key: str) -> str:
    """A word as it is written within a `tsvector` or a `tsquery`."""
    return "'" + key.replace("\\", "\\\\").replace("'", "''") + "'"


def _facts(document: Document) -> dict[str, Any]:
    price, starts_at, ends_at = document.offer or (None, None, None)
    return {
        "product_id": document.product_id,
        "group_id": document.group,
        "leaf": min(document.own_categories, default=0),
        "category_ids": document.all_categories,
        "price": document.price,
        "offer_price": price,
        "offer_starts_at": starts_at,
        "offer_ends_at": ends_at,
        "rating": document.rating,
        "rating_count": document.rating_count,
        "in_stock": document.in_stock,
        "created_at": document.created_at,
    }
