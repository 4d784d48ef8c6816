"""Waiting for what happens elsewhere, and reading what was published."""

import asyncio

from aiokafka import AIOKafkaConsumer


async def eventually(call, condition, seconds=40):
    """Call until the answer satisfies the condition, and give that answer."""
    async with asyncio.timeout(seconds):
        while True:
            if condition(answer := await call()):
                return answer
            await asyncio.sleep(0.05)


async def read_topic(kafka_url, topic, count, seconds=30):
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
