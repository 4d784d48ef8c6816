import asyncio
import gc
import time

import pytest

from services.common.runtime.answers import CallFailedError
from services.common.runtime.deadline import deadline, time_left
from services.common.runtime.shared_calls import SharedCalls


async def test_a_call_that_fails_when_everybody_has_left_troubles_nobody():
    reported, under_way, begun, may_fail = [], [], asyncio.Event(), asyncio.Event()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))

    async def fail():
        under_way.append(asyncio.current_task())
        begun.set()
        await may_fail.wait()
        raise LookupError

    asked = asyncio.create_task(SharedCalls().join("k", fail))
    await begun.wait()
    asked.cancel()
    await asyncio.wait([asked])
    may_fail.set()
    await asyncio.wait(list(under_way))
    del asked, under_way[:]
    gc.collect()
    assert reported == []


async def test_each_caller_waits_no_longer_than_its_own_deadline_and_shortens_nobody_elses():
    calls, left, may_end = SharedCalls(), [], asyncio.Event()

    async def call():
        left.append(time_left())
        await may_end.wait()
        return "there"

    async def hasty():
        deadline.set(time.monotonic() + 0.01)
        return await calls.join("k", call)

    first, patient = asyncio.create_task(hasty()), asyncio.create_task(calls.join("k", call))
    for waiting in (first, asyncio.create_task(hasty())):
        with pytest.raises(CallFailedError):
            await asyncio.wait_for(waiting, 5)
    may_end.set()
    assert (await patient, left) == ("there", [float("inf")])
