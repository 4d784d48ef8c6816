"""Closes Kafka consumers; aiokafka's `stop` does not always.

It waits as long for a broker that hangs as for any answer, and where a fetch waits to be repeated it raises a
CancelledError that nobody asked for. Either way it leaves connections open.
"""

import asyncio
import logging
from collections.abc import Collection, Iterator

from aiokafka import AIOKafkaConsumer

logger = logging.getLogger(__name__)

LEAVE_SECONDS = 7.0
"""Longer than our groups take to rebalance. A group that was not told waits for the end of the session."""
DISCONNECT_SECONDS = 1.0
"""A broker that hangs does not end a TLS session."""
REPEAT_SECONDS = 0.1


async def close(consumer: AIOKafkaConsumer) -> None:
    """Leave the group and disconnect; after `LEAVE_SECONDS`, or when cancelled, disconnect without having left."""
    leaving = asyncio.create_task(consumer.stop())
    try:
        await asyncio.wait([leaving], timeout=LEAVE_SECONDS)
        if not leaving.done():
            logger.warning("the broker does not answer: a consumer is disconnected without telling its group, if any")
    finally:
        await asyncio.shield(asyncio.create_task(_disconnect(consumer, leaving)))


async def _disconnect(consumer: AIOKafkaConsumer, leaving: asyncio.Task[None]) -> None:
    await _end([leaving, *_background(consumer)])
    disconnecting = asyncio.create_task(consumer._client.close())  # noqa: SLF001 - a second `stop` would do nothing
    await asyncio.wait([disconnecting], timeout=DISCONNECT_SECONDS)
    await _end([disconnecting])


def _background(consumer: AIOKafkaConsumer) -> Iterator[asyncio.Task[None]]:
    """Its tasks; one that is left would connect again."""
    fetcher, coordinator = consumer._fetcher, consumer._coordinator  # noqa: SLF001 - None where it was not started
    if fetcher is not None:
        yield fetcher._fetch_task  # noqa: SLF001
        yield from fetcher._pending_tasks  # noqa: SLF001
    for name in ("_coordination_task", "_heartbeat_task", "_commit_refresh_task", "_reset_committed_task"):
        if (task := getattr(coordinator, name, None)) is not None:
            yield task


async def _end(tasks: Collection[asyncio.Task[None]]) -> None:
    """Cancel tasks until they have ended: some take a first time for that of a task that they wait for."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=REPEAT_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)  # what they failed with is of no interest any more
