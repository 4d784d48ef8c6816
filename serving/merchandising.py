"""Merchandisers' rows: requested from content for every page, and cached for when content does not respond.

Rows for everyone are polled, so that routes without a request to content use them too. Rows for one user are known
only while content responds.
"""

import asyncio
import logging
from dataclasses import replace
from typing import Final

from services.common.runtime.answers import CallFailedError
from services.common.runtime.http_client import ServiceClient
from services.common.runtime.worker import Worker, pause
from serving.displays import Displays, SaidDisplays

logger = logging.getLogger(__name__)

MISSES: Final = 5
"""After this many failed requests in a row content counts as silent; a single one may just have been slow."""


class Merchandising(Worker):
    """Requests rows from content; `everyones` holds the last known rows for everyone."""

    name = "merchandising"

    def __init__(self, content: ServiceClient, *, watch_seconds: float) -> None:
        super().__init__()
        self.content = content
        self.everyones = Displays()
        self._misses = MISSES
        self._watch_seconds = watch_seconds

    @property
    def is_silent(self) -> bool:
        """Whether the rows for everyone may have changed since content last responded."""
        return self._misses >= MISSES

    async def run(self, stop: asyncio.Event) -> None:
        """Keep the rows for everyone up to date until `stop`."""
        while not stop.is_set():
            await self.refresh()
            self.heartbeat()
            await pause(stop, self._watch_seconds)

    async def refresh(self) -> None:
        """Request the rows for everyone."""
        said, was_silent = await self.ask(None, None), self.is_silent
        self._misses = 0 if said is not None else self._misses + 1
        if said is not None:
            self.everyones = replace(said, generation=None, filling={})
        elif self.is_silent:
            self.everyones = self.everyones.lasting()
        if self.is_silent != was_silent:
            logger.warning(
                "content %s", "does not respond: its last known rows apply" if self.is_silent else "responds"
            )

    async def ask(self, user_id: str | None, authorization: str | None) -> Displays | None:
        """Content's rows for a user, or None while content is unavailable: a page without them is better than none.

        The request carries the caller's own token, and content decides whose shelves the caller may see.
        """
        headers = {"Authorization": authorization} if authorization else {}
        params = {"userId": user_id} if user_id else {}
        try:
            said = await self.content.read(SaidDisplays, "GET", "/v1/displays", headers=headers, params=params)
        except CallFailedError as error:
            logger.debug("content is unavailable: %s", error)
            return None
        return Displays.of(said)
