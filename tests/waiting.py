"""Waiting for what happens elsewhere: until it is so, never for a time. And reading what was published.

How long they wait is no part of a test: after that it is given up, with the last answer.
"""

import asyncio
import time
from inspect import isawaitable

from aiokafka import AIOKafkaConsumer

SECONDS = 90
SHORTEST, LONGEST = 0.02, 0.2


def pause_after(seconds):
    """How long to wait before the next look: a tenth of what was waited so far, so that looking is no load."""
    return min(max(SHORTEST, seconds / 10), LONGEST)


def wait_until(call, holds=bool, *, seconds=SECONDS, ignoring=(), longest=LONGEST):
    """Call until the answer satisfies the condition, and give that answer; exceptions of `ignoring` are no answer.

    `longest` is the most that passes between two looks.
    """
    begun, answer = time.monotonic(), None
    while (waited := time.monotonic() - begun) < seconds:
        try:
            if holds(answer := call()):
                return answer
        except ignoring as error:
            answer = error
        time.sleep(min(pause_after(waited), longest))
    raise AssertionError(f"not within {seconds} s; the last answer was {answer!r}")


async def eventually(call, holds=bool, *, seconds=SECONDS):
    """Likewise where an event loop runs; the call may be asynchronous."""
    begun, answer = time.monotonic(), None
    try:
        async with asyncio.timeout(seconds):
            while True:
                answer = call()
                if isawaitable(answer):
                    answer = await answer
                if holds(answer):
                    return answer
                await asyncio.sleep(pause_after(time.monotonic() - begun))
    except TimeoutError:
        raise AssertionError(f"not within {seconds} s; the last answer was {answer!r}") from None


async def read_topic(kafka_url, topic, count, seconds=SECONDS):
    """All records of a topic once there are `count`, in order per partition."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka_url, auto_offset_reset="earliest")
    await consumer.start()
    try:
        records, is_empty = [], False
        async with asyncio.timeout(seconds):
            while len(records) < count or not is_empty:
                fetched = await consumer.getmany(timeout_ms=300)
                is_empty = not fetched
                records += [record for part in fetched.values() for record in part]
    finally:
        await consumer.stop()
    return records
