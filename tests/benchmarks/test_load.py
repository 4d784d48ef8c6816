import asyncio
from contextlib import asynccontextmanager, suppress
from itertools import repeat

import pytest

from benchmarks.load import LoadError, closed_loop, open_loop, request

ASK = request("GET", "/")


@asynccontextmanager
async def server(answer):
    """A server that answers each request with the status that `answer()` gives; its port."""
    talks = []

    async def talk(reader, writer):
        talks.append(asyncio.current_task())
        with suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(f"HTTP/1.1 {await answer()} OK\r\nContent-Length: 2\r\n\r\n{{}}".encode())
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as listening:
        yield listening.sockets[0].getsockname()[1]
        await asyncio.gather(*talks)


async def test_a_closed_loop_counts_every_answer():
    answered = []

    async def answer():
        answered.append(1)
        return 200

    async with server(answer) as port:
        sample = await closed_loop(port, repeat(ASK), seconds=0.1, connections=2)

    assert sample.latencies.size == len(answered) >= 2
    assert sample.rate == pytest.approx(len(answered) / sample.seconds)


async def test_an_open_loop_sends_as_many_as_its_rate_says():
    async def answer():
        return 202

    async with server(answer) as port:
        sample = await open_loop(port, repeat(ASK), seconds=0.2, rate=100)

    assert sample.latencies.size == 20


async def test_a_stall_is_felt_by_each_request_that_was_due_meanwhile():
    stalls = iter([0.2])

    async def answer():
        await asyncio.sleep(next(stalls, 0))
        return 200

    async with server(answer) as port:
        sample = await open_loop(port, repeat(ASK), seconds=0.3, rate=100, connections=1)

    waited = [0.2 - number / 100 for number in range(20)]
    assert (sample.latencies[:20] > waited).all()


async def test_an_answer_that_tells_of_a_failure_gives_no_figure():
    async def answer():
        return 503

    async with server(answer) as port:
        with pytest.raises(ExceptionGroup) as raised:
            await closed_loop(port, repeat(ASK), seconds=5)

    assert raised.group_contains(LoadError, match="status 503")
