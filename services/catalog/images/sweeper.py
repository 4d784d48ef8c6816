"""Deletes the files of images that no product names any more, and of uploads that have ended in between."""

import asyncio
import logging
import time

from services.catalog.images.images import Images
from services.catalog.images.object_store import StoreUnavailable
from services.common.runtime.worker import Worker, pause

logger = logging.getLogger(__name__)
MOST_AT_ONCE = 100
STEP_SECONDS = 20.0


class ImageSweeper(Worker):
    """Sweeps every few minutes or hours."""

    name = "images"

    def __init__(self, images: Images, every_seconds: float) -> None:
        super().__init__()
        self._images, self._every_seconds = images, every_seconds

    async def run(self, stop: asyncio.Event) -> None:
        """Sweep until `stop` is set."""
        while not stop.is_set():
            try:
                count = await self._images.sweep(MOST_AT_ONCE)
            except StoreUnavailable:
                self.report_blocked("the image store")
                await pause(stop, STEP_SECONDS)
                continue
            self.heartbeat()
            if count < MOST_AT_ONCE:
                await self._wait(stop)

    async def _wait(self, stop: asyncio.Event) -> None:
        ends_at = time.monotonic() + self._every_seconds
        while not stop.is_set() and (seconds := ends_at - time.monotonic()) > 0:
            self.heartbeat()
            await pause(stop, min(seconds, STEP_SECONDS))
