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
"""What was counted earlier is given as it is, and counted anew beside."""
KEPT_SECONDS = 600.0
AGAIN_SECONDS = 5.0
"""After facets could not be counted."""
MOST = 1_000


class KeptFacets:
    """Facets by what was searched for, none older than `KEPT_SECONDS`."""

    def __init__(self) -> None:
        self._kept: TTLCache[str, tuple[float, Facets]] = TTLCache(MOST, KEPT_SECONDS)
        self._counting: dict[str, asyncio.Task[None]] = {}
        self._turn = asyncio.Semaphore(1)

    def get(self, key: str) -> Facets | None:
        """What is kept under a key."""
        found = self._kept.get(key)
        return None if found is None else found[1]

    def renew(self, key: str, count: Callable[[], Awaitable[object]]) -> None:
        """Have `count` keep anew what is old; it is not waited for."""
        if self._is_old(key) and key not in self._counting:
            again = self._count(key, count)
            self._counting[key] = asyncio.create_task(again, context=Context())  # the deadline is the request's own

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

    def _is_old(self, key: str) -> bool:
        found = self._kept.get(key)
        return found is not None and time.monotonic() - found[0] >= FRESH_SECONDS

    async def _count(self, key: str, count: Callable[[], Awaitable[object]]) -> None:
        """One after the other, beside the searches of others."""
        try:
            async with self._turn:
                if self._is_old(key):  # else it was counted with another
                    await count()
        except Exception as error:  # noqa: BLE001 - whatever it was, who asks later tries again
            logger.warning("facets could not be counted anew: %s", type(error).__name__)
            await asyncio.sleep(AGAIN_SECONDS)
        finally:
            del self._counting[key]
