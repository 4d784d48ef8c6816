"""What serving loads at start, because the broker's log alone is not enough."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from services.common.messaging.follower import Follower
from services.common.runtime.worker import Worker, pause

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 0.05
RETRY_SECONDS: Final = 2.0
SILENT_SECONDS: Final = 30.0
"""A load may take long, but fails after this time without progress."""
ReportProgress = Callable[[], None]
CATALOG_UNREAD: Final = "CATALOG_UNREAD"
LANDED_UNREAD: Final = "LANDED_UNREAD"


class InitialLoad(Worker):
    """Loads something after each start of the follower, and retries until it succeeds; `read` reports progress.

    The follower notes its positions first, so the log has every change during or after the load. While the broker is
    unavailable it cannot, and loaded data without positions is better than none. Until it is loaded, responses carry
    the `warning`.
    """

    def __init__(
        self, name: str, warning: str, read: Callable[[ReportProgress], Awaitable[None]], follower: Follower
    ) -> None:
        super().__init__()
        self.name = name
        self.warning = warning
        self._read = read
        self._follower = follower
        self._done_for: int | None = None

    @property
    def is_complete(self) -> bool:
        """Whether it was loaded since the follower started."""
        return self._done_for == self._follower.starts

    async def run(self, stop: asyncio.Event) -> None:
        """Load when needed, until `stop`."""
        while not stop.is_set():
            if self.is_complete or not (self._follower.starts or self._follower.failure):
                self.heartbeat()
                await pause(stop, LOOK_SECONDS)
            elif not await self._try():
                await pause(stop, RETRY_SECONDS)

    async def _try(self) -> bool:
        time = asyncio.get_running_loop().time
        start, began = self._follower.starts, time()
        try:
            async with asyncio.timeout(SILENT_SECONDS) as limit:

                def report_progress() -> None:
                    self.heartbeat()
                    limit.reschedule(time() + SILENT_SECONDS)

                await self._read(report_progress)
        except Exception as error:  # noqa: BLE001 - responses continue without it, and report it
            reason = f"{type(error).__name__}: {error}"
            if reason != self.failure:
                logger.warning("%s could not be read, retrying: %s", self.name, reason)
            self.report_blocked(reason)
            return False
        self._done_for = start
        self.heartbeat()
        logger.info("%s is read, in %.1f s", self.name, time() - began)
        return True
