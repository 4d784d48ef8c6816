"""Background work of a service: started and ended with the application, restarted when it fails, watched by health.

A worker has a `name`, a `run(stop)` that returns soon after `stop` is set, a `beat()` each time it made progress or saw
that there is nothing to do, and an `excuse(reason)` each time something outside kept it from its work. It is alive as
long as the last of these is recent: a task that merely runs is not, nor one that fell silent after an excuse.
"""

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiokafka.errors import KafkaError

from services.common.runtime.outages import is_away

logger = logging.getLogger(__name__)

STALLED_AFTER = 60.0
"""Longer than any one step of a worker may take."""
DRAIN_SECONDS = 15.0
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0


class Worker(ABC):
    """One loop in the background."""

    name: str

    def __init__(self) -> None:
        self._heard_at = time.monotonic()
        self.failure: str | None = None
        """What outside of this process keeps it from its work: a reason to wait, and not to be started again."""
        self.crash: str | None = None
        """What ended its last run, if it was nothing outside."""

    @abstractmethod
    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; then finish what was begun and return."""

    def beat(self) -> None:
        """Note progress."""
        self._heard_at = time.monotonic()
        self.failure = self.crash = None

    def excuse(self, reason: str) -> None:
        """Note a try that something outside kept from its end: starting anew would not help."""
        self._heard_at = time.monotonic()
        self.failure, self.crash = reason, None

    @property
    def is_alive(self) -> bool:
        """Whether progress was made lately, or a failure outside (a broker away) explained why not."""
        return time.monotonic() - self._heard_at < STALLED_AFTER


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Sleep, but no longer than until `stop` is set."""
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
            is_outside = isinstance(error, KafkaError) or is_away(error)
            reason = type(getattr(error, "orig", None) or error).__name__
            if reason not in (worker.failure, worker.crash):
                trace = None if is_outside else error  # what is away needs none
                logger.warning("%s failed and will be restarted: %r", worker.name, error, exc_info=trace)
            if is_outside:
                worker.excuse(reason)
            else:
                worker.failure, worker.crash = None, reason
        else:
            continue
        seconds = FIRST_PAUSE if time.monotonic() - started > STALLED_AFTER else min(seconds * 2, LONGEST_PAUSE)
        await pause(stop, seconds)


@asynccontextmanager
async def running(workers: Sequence[Worker]) -> AsyncIterator[None]:
    """Run workers around the application's life; on leaving they drain, for at most `DRAIN_SECONDS`."""
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
