"""Keeps the words of the index in memory, where searches are understood."""

import asyncio
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select

from services.catalog.search.analysis import Analyzer
from services.catalog.search.dictionary import Dictionary
from services.catalog.search.models import SearchState, SearchWord
from services.catalog.search.understanding import Understanding
from services.catalog.search.vocabulary import Entry, Vocabulary
from services.common.runtime.worker import Worker, pause
from services.common.storage.database import Database

EVERY_SECONDS = 0.3
"""How old a new word is at most before searches know it."""
AT_ONCE = 100
"""So many new words are added before others have their turn: some milliseconds of work."""
_STATE = select(
    SearchState.documents,
    SearchState.counted_at,
    select(func.coalesce(func.max(SearchWord.id), 0)).scalar_subquery().label("last"),
)
_WORDS = select(
    SearchWord.id, SearchWord.key, SearchWord.reading, SearchWord.surface, SearchWord.heads, SearchWord.count
).order_by(SearchWord.id)


class Words(Worker):
    """Reads new words when there are some, and all of them when they have been counted."""

    name = "search words"

    def __init__(self, database: Database, synonyms: Path | None = None) -> None:
        super().__init__()
        self._database = database
        self._analyzer = Analyzer()
        self._dictionary = Dictionary.load(self._analyzer, synonyms)
        self._vocabulary: Vocabulary | None = None
        self._counted_at: datetime | None = None
        self._last = 0
        self._turn = asyncio.Lock()

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the words until `stop` is set."""
        while not stop.is_set():
            await self.refresh()
            self.heartbeat()
            await pause(stop, EVERY_SECONDS)

    async def vocabulary(self) -> Vocabulary:
        """The words, read now if they have not been."""
        if self._vocabulary is None:
            await self.refresh()
        assert self._vocabulary is not None
        return self._vocabulary

    async def understanding(self) -> Understanding:
        """What understands searches by the words of now."""
        return Understanding(self._analyzer, self._dictionary, await self.vocabulary())

    async def refresh(self) -> None:
        """Read what has changed."""
        async with self._turn:
            state = await self._database.look(_STATE)
            if self._vocabulary is None or state.counted_at != self._counted_at:
                entries, last = await self._after(0)
                self._vocabulary = await asyncio.to_thread(Vocabulary, entries, state.documents)
                self._counted_at, self._last = state.counted_at, last
            elif state.last > self._last:
                entries, last = await self._after(self._last)
                for first in range(0, len(entries), AT_ONCE):
                    self._vocabulary.add(entries[first : first + AT_ONCE])
                    await asyncio.sleep(0)
                self._last = last

    async def _after(self, last: int) -> tuple[list[Entry], int]:
        """The words after this number, and the number of the last."""
        async with self._database.sessions() as session:
            rows = (await session.execute(_WORDS.where(SearchWord.id > last))).all()
        entries = [Entry(key, reading, surface, heads, count) for _, key, reading, surface, heads, count in rows]
        return [entry for entry in entries if entry.count], rows[-1].id if rows else last
