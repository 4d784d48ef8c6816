import asyncio
import time

from services.common import worker as module
from services.common.worker import Worker, running


class Flaky(Worker):
    """Fails at its first start, then works."""

    name = "flaky"

    def __init__(self):
        super().__init__()
        self.starts = 0
        self.works = asyncio.Event()
        self.drained = False

    async def run(self, stop):
        self.starts += 1
        if self.starts == 1:
            raise ConnectionError("away")
        self.beat()
        self.works.set()
        await stop.wait()
        self.drained = True


async def test_a_worker_that_fails_is_started_again_and_drains_at_the_end():
    flaky = Flaky()
    async with running([flaky]):
        await asyncio.wait_for(flaky.works.wait(), 10)
        assert flaky.failure is None
    assert (flaky.starts, flaky.drained) == (2, True)


async def test_a_worker_without_progress_is_not_alive_unless_something_outside_explains_it(monkeypatch):
    flaky = Flaky()
    monkeypatch.setattr(module, "STALLED_AFTER", 0.0)
    flaky._last_beat = time.monotonic() - 1
    assert not flaky.is_alive
    flaky.failure = "waiting: OperationalError"
    assert flaky.is_alive
