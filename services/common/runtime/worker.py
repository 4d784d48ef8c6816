"""Background work of a service: started and ended with the application, restarted on failure, watched by health.

A worker has a `name` and a `run(stop)` that returns soon after `stop` is set. It calls `heartbeat()` when it made
progress or has nothing to do, and `report_blocked(reason)` when an external cause blocks it. It is alive while the last
such call is recent: a task that only runs is not, nor one that was blocked and fell silent.
"""

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiokafka.errors import KafkaError

from services.common.runtime.outages import is_unavailable

logger = logging.getLogger(__name__)

STALLED_AFTER = 60.0
"""Longer than any single step of a worker may take."""
DRAIN_SECONDS = 15.0
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0


class Worker(ABC):
    """One background loop."""

    name: str

    def __init__(self) -> None:
        self._heard_at = time.monotonic()
        self.failure: str | None = None
        """The external cause that blocks it: a reason to wait, and not to restart."""
        self.crash: str | None = None
        """The error that ended its last run, unless it had an external cause."""

    @abstractmethod
    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; then finish the current step and return."""

    def heartbeat(self) -> None:
        """Record progress."""
        self._heard_at = time.monotonic()
        self.failure = self.crash = None

    def report_blocked(self, reason: str) -> None:
        """Record an external cause of a failure: a restart would not help."""
        self._heard_at = time.monotonic()
        self.failure, self.crash = reason, None

    @property
    def is_alive(self) -> bool:
        """Whether there was recent progress, or an external cause (an unavailable broker)."""
        return time.monotonic() - self._heard_at < STALLED_AFTER


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Sleep until the time is over or `stop` is set."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return


async def keep_running(worker: Worker, stop: asyncio.Event) -> None:
    """Run a worker until `stop`, again after each failure, with growing pauses."""
    seconds = FIRST_PAUSE
    while not stop.is_set():
        started = time.monotonic()
        try:
            await worker.run(stop)
        except Exception as error:
            is_outside = isinstance(error, KafkaError) or is_unavailable(error)
            reason = type(getattr(error, "orig", None) or error).__name__
            if reason not in (worker.failure, worker.crash):
                trace = None if is_outside else error  # an outage needs none
                logger.warning("%s failed and will be restarted: %r", worker.name, error, exc_info=trace)
            if is_outside:
                worker.report_blocked(reason)
            else:
                worker.failure, worker.crash = None, reason
        else:
            continue
        seconds = FIRST_PAUSE if time.monotonic() - started > STALLED_AFTER else min(seconds * 2, LONGEST_PAUSE)
        await pause(stop, seconds)


@asynccontextmanager
async def running(workers: Sequence[Worker]) -> AsyncIterator[None]:
    """Run workers during the application's life; at exit they drain, for at most `DRAIN_SECONDS`."""
    stop = asyncio.Event()
    tasks = [asyncio.create_task(keep_running(worker, stop), name=worker.name) for worker in workers]
    try:
        yield
    finally:
        stop.set()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=DRAIN_SECONDS)
            for task in late:
                logger.warning("%s did not drain in time", task.get_name())
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
