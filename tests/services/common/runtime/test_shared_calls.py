import asyncio
import gc

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
