"""Merchandisers' rows: requested from content for every page, and cached for when content does not respond.

Rows for everyone are polled, so that routes without a request to content use them too. Rows for one user are known
only while content responds.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, TypeVar

from services.common.runtime.answers import CallFailedError
from services.common.runtime.http_client import ServiceClient
from services.common.runtime.worker import Worker, pause
from serving.displays import Displays, SaidDisplays, SaidPlan

logger = logging.getLogger(__name__)
Said = TypeVar("Said", bound=SaidDisplays)

MISSES: Final = 5
"""After this many failed requests in a row content counts as silent; a single one may just have been slow."""


class Merchandising(Worker):
    """Requests rows from content; `everyones` holds the last known rows for everyone.

    Args:
        content: its client.
        watch_seconds: how often rows for everyone are requested.
        as_serving: the `auth` of requests in serving's own name.
    """

    name = "merchandising"

    def __init__(
        self, content: ServiceClient, *, watch_seconds: float, as_serving: Callable[[Any], Any] | None
    ) -> None:
        super().__init__()
        self.content = content
        self._as_serving = as_serving
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
        said, was_silent = await self.ask(None), self.is_silent
        self._misses = 0 if said is not None else self._misses + 1
        if said is not None:
            self.everyones = replace(said, generation=None, filling={})
        elif self.is_silent:
            self.everyones = self.everyones.lasting()
        if self.is_silent != was_silent:
            logger.warning(
                "content %s", "does not respond: its last known rows apply" if self.is_silent else "responds"
            )

    async def ask(self, user_id: str | None) -> Displays | None:
        """Content's rows for a user, or None while content is unavailable: a page without them is better than none.

        Serving asks in its own name, for shoppers are not told what is hidden; the route decides whose page it makes.
        """
        said = await self._read(SaidDisplays, "/v1/displays", {"userId": user_id}, auth=self._as_serving)
        return Displays.of(said) if said else None

    async def plan(self, user_id: str | None, authorization: str, moment: datetime | None) -> SaidPlan | None:
        """What is planned for a user's page at a time (None: now), or None while content is unavailable."""
        params = {"userId": user_id, "at": moment.isoformat() if moment else None}
        return await self._read(SaidPlan, "/v1/planned-displays", params, headers={"Authorization": authorization})

    async def _read(
        self,
        shape: type[Said],
        path: str,
        params: dict[str, str | None],
        **caller: Any,  # noqa: ANN401 - httpx2's own `auth` or `headers`
    ) -> Said | None:
        given = {name: value for name, value in params.items() if value}
        try:
            return await self.content.read(shape, "GET", path, params=given, **caller)
        except CallFailedError as error:
            logger.debug("content is unavailable: %s", error)
            return None
