"""The index in Postgres: everything that is found, scored, filtered and counted is so in the database."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from cachetools import TTLCache
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog.search import statement
from services.catalog.search.documents import Reader
from services.catalog.search.engine import ENOUGH, Answer, Document, Facet, Facets, Hit, Query
from services.catalog.search.store import Store, count_words
from services.catalog.search.understanding import Plan
from services.common.runtime.deadline import time_left
from services.common.storage.database import Database

_LIMIT = text("""
    SELECT set_config('statement_timeout', :milliseconds, true), set_config('jit', 'off', true),
        set_config('plan_cache_mode', 'force_custom_plan', true), set_config('enable_nestloop', 'off', true)
""")
"""Estimates of what was just found are wrong by orders of magnitude: joins of it hash, whatever the planner expects.

It is a statement of its own that reads no table: its limit of time holds from the next one, which may wait for a lock.
"""
_SURVEY = text(f"""
    SELECT (SELECT group_id FROM search_documents WHERE group_id <> product_id ORDER BY group_id LIMIT 1) AS variant,
        (SELECT count(*) FROM (
            SELECT FROM search_documents WHERE terms @@ CAST(:words AS tsquery) LIMIT {ENOUGH}
        ) AS documents) AS documents
""")  # noqa: S608 - a number of ours
"""Whether there are variants, and, up to enough, how many documents have all words whatever the filters."""


BROAD = 1_000
"""The facets of so many documents take longer than all else of a search, and hardly differ a moment later."""
FACETS_SECONDS = 60.0
MOST_FACETS = 1_000


class PostgresIndex:
    """An `Index` in the catalog's own database. The facets of a broad search are as old as a minute.

    Args:
        database: the catalog's.
        reader: what finds the words of a document.
        seconds: how long a search may take; it ends at the request's deadline, too.
    """

    def __init__(self, database: Database, reader: Reader, seconds: float) -> None:
        self._database, self._seconds = database, seconds
        self._store = Store(reader)
        self._broad: TTLCache[str, Facets] = TTLCache(MOST_FACETS, FACETS_SECONDS)

    async def find(self, query: Query, plan: Plan | None, mentioned: Sequence[str] = ()) -> Answer:
        """One page of hits, by one statement, or by two where filters leave hardly anything that has all words."""
        words = statement.words_of(plan, has_all=True) if plan and len(plan.concepts) > 1 else None
        async with self._database.sessions.begin() as session:
            milliseconds = max(int(min(self._seconds, time_left()) * 1000), 1)
            await session.execute(_LIMIT, {"milliseconds": str(milliseconds)})
            survey = (await session.execute(_SURVEY, {"words": words})).one()
            ask = partial(self._ask, session, query, plan, mentioned, has_variants=survey.variant is not None)
            if survey.documents == ENOUGH:
                documents, answer = await ask(has_all=True)
                if documents >= ENOUGH:
                    return answer
            return (await ask(has_all=False))[1]

    async def _ask(
        self,
        session: AsyncSession,
        query: Query,
        plan: Plan | None,
        mentioned: Sequence[str],
        *,
        has_variants: bool,
        has_all: bool,
    ) -> tuple[int, Answer]:
        """How many documents are found, and a page of them."""
        words = plan and statement.words_of(plan, has_all=has_all)
        key = repr((words, mentioned, query.filters, query.facets))
        facets = self._broad.get(key) if query.facets else None
        asked = query if facets is None else replace(query, facets=())
        wording, values = statement.written(asked, plan, mentioned, has_variants=has_variants, has_all=has_all)
        row = (await session.execute(text(wording), values)).one()
        hits = [Hit(product_id, variants, (place, product_id)) for product_id, variants, place in row.page or ()]
        if row.facets:
            facets = _facets(row.facets)
            if row.counted > BROAD:
                self._broad[key] = facets
        return row.documents, Answer(hits, row.documents if row.groups is None else row.groups, facets=facets)

    async def write(self, documents: Sequence[Document], gone: Sequence[int], turn: int) -> None:  # noqa: ARG002 - the lock keeps turns in order
        """Hold these documents from now on, and these products no longer."""
        try:
            async with self._database.sessions.begin() as session:
                await self._store.write(session, documents, gone)
        except BaseException:  # also of the commit
            self._store.words.forget()
            raise

    async def count(self) -> None:
        """Count in how many documents each word is."""
        async with self._database.sessions.begin() as session:
            await count_words(session)


def _facets(found: Mapping[str, Any]) -> Facets:
    values = {facet: found.get(facet) or () for facet in Facet}
    return Facets(
        categories=dict(values[Facet.CATEGORY]),
        brands=dict(values[Facet.BRAND]),
        prices=dict(sorted(values[Facet.PRICE])),
        ratings=dict(sorted(values[Facet.RATING])),
        in_stock=found.get(Facet.IN_STOCK, 0),
        attributes={(code, shown): count for (code, _, shown), count in _parted(values[Facet.ATTRIBUTE])},
    )


def _parted(counts: Sequence[tuple[str, int]]) -> Sequence[tuple[tuple[str, str, str], int]]:
    return [(value.partition(":"), count) for value, count in counts]
