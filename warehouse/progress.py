"""The progress of a landing process: whether it is alive, and whether it is to stop."""

import asyncio
import contextlib
import time

STALLED_AFTER = 60.0
"""Longer than any normal step; then `/health/live` fails, and the process should be restarted."""
RETRY_SECONDS = 2.0
"""The longest pause between two attempts to reach an unavailable part."""


class Progress:
    """What the loop and the writer of a process report, and what tells them to stop."""

    def __init__(self) -> None:
        self._stopping = asyncio.Event()
        self._heard_at = time.monotonic()

    @property
    def is_alive(self) -> bool:
        """Whether there was recent progress: a fetch with no write outstanding, a write, or an outage of a part."""
        return time.monotonic() - self._heard_at < STALLED_AFTER

    @property
    def is_stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stopping.is_set()

    def beat(self) -> None:
        """There was progress, or an outage."""
        self._heard_at = time.monotonic()

    def stop(self) -> None:
        """End every pause, and let the loops end."""
        self._stopping.set()

    async def pause(self, seconds: float) -> None:
        """Wait, unless stopping."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
