"""Waiting for what happens elsewhere: until it is so, never for a time. And reading what was published.

How long they wait is no part of a test: after that it is given up, with the last answer.
"""

import asyncio
import time
from inspect import isawaitable

from aiokafka import AIOKafkaConsumer

SECONDS = 90
PAUSE = 0.02


def wait_until(call, holds=bool, *, seconds=SECONDS, ignoring=()):
    """Call until the answer satisfies the condition, and give that answer; exceptions of `ignoring` are no answer."""
    deadline, answer = time.monotonic() + seconds, None
    while time.monotonic() < deadline:
        try:
            if holds(answer := call()):
                return answer
        except ignoring as error:
            answer = error
        time.sleep(PAUSE)
    raise AssertionError(f"not within {seconds} s; the last answer was {answer!r}")


async def eventually(call, holds=bool, *, seconds=SECONDS):
    """Likewise where an event loop runs; the call may be asynchronous."""
    answer = None
    try:
        async with asyncio.timeout(seconds):
            while True:
                answer = call()
                if isawaitable(answer):
                    answer = await answer
                if holds(answer):
                    return answer
                await asyncio.sleep(PAUSE)
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
