import asyncio
import time

import pytest
from aiokafka.errors import KafkaConnectionError

from services.common.runtime import worker as module
from services.common.runtime.worker import Worker, running


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
        self.heartbeat()
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
    assert not flaky.is_alive
    monkeypatch.setattr(module, "STALLED_AFTER", 60.0)
    flaky.report_blocked("OperationalError")
    assert (flaky.is_alive, flaky.failure) == (True, "OperationalError")


async def test_a_worker_that_falls_silent_after_an_excuse_is_not_alive(monkeypatch):
    flaky = Flaky()
    flaky.report_blocked("OperationalError")
    monkeypatch.setattr(module, "STALLED_AFTER", 0.0)
    assert not flaky.is_alive


class Failing(Worker):
    """Fails anew each time it is started, by the errors given."""

    name = "failing"

    def __init__(self, *errors):
        super().__init__()
        self._errors = list(errors)
        self.has_failed = asyncio.Event()

    async def run(self, stop):
        if self._errors:
            raise self._errors.pop(0)
        self.has_failed.set()
        await stop.wait()


async def until_failed(worker):
    async with running([worker]):
        await asyncio.wait_for(worker.has_failed.wait(), 10)


async def test_each_new_reason_to_fail_is_logged_once(caplog):
    away, bug = ConnectionError("away"), KeyError("bug")
    await until_failed(Failing(away, away, bug))
    assert [record.args[1] for record in caplog.records] == [away, bug]


@pytest.mark.parametrize(
    ("error", "is_alive"), [(ConnectionError("away"), True), (KafkaConnectionError(), True), (KeyError("bug"), False)]
)
async def test_only_what_is_outside_excuses_a_worker_that_makes_no_progress(monkeypatch, error, is_alive):
    failing = Failing(error)
    heard_at = failing._heard_at = time.monotonic() - 30
    await until_failed(failing)
    monkeypatch.setattr(module, "STALLED_AFTER", time.monotonic() - heard_at)
    assert failing.is_alive == is_alive
