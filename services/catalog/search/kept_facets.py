"""The facets of broad searches, kept for a while: to count them takes longer than all else of a search."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextvars import Context

from cachetools import TTLCache

from services.catalog.search.engine import Facets

logger = logging.getLogger(__name__)

FRESH_SECONDS = 60.0
"""What is asked for later than this after it was counted is given as it is, and counted anew behind the answer."""
KEPT_SECONDS = 600.0
MOST = 1_000


class KeptFacets:
    """Facets by what was searched for; none is older than `KEPT_SECONDS`, nor asked for twice than `FRESH_SECONDS`."""

    def __init__(self) -> None:
        self._kept: TTLCache[str, tuple[float, Facets]] = TTLCache(MOST, KEPT_SECONDS)
        self._counting: dict[str, asyncio.Task[None]] = {}
        self._turn = asyncio.Semaphore(1)

    def get(self, key: str, count: Callable[[], Awaitable[object]]) -> Facets | None:
        """What is kept under a key; `count` is to `keep` it anew, and is called once it is old."""
        if (found := self._kept.get(key)) is None:
            return None
        counted_at, facets = found
        if time.monotonic() - counted_at >= FRESH_SECONDS and key not in self._counting:
            again = self._count(key, count)
            self._counting[key] = asyncio.create_task(again, context=Context())  # the deadline is the request's own
        return facets

    def keep(self, key: str, facets: Facets) -> None:
        """Keep what was counted now."""
        self._kept[key] = time.monotonic(), facets

    def drop(self, key: str) -> None:
        """Keep nothing: it is no broad search any more."""
        self._kept.pop(key, None)

    async def close(self) -> None:
        """Count nothing any more."""
        tasks = [*self._counting.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _count(self, key: str, count: Callable[[], Awaitable[object]]) -> None:
        """One after the other, beside the searches of others."""
        try:
            async with self._turn:
                await count()
        except Exception as error:  # noqa: BLE001 - whatever it was: who asks next tries again
            logger.warning("facets could not be counted anew: %s", type(error).__name__)
        finally:
            del self._counting[key]
