import asyncio
import os
import signal

import pytest
from aiokafka import AIOKafkaConsumer

from services.contracts import consumers
from services.contracts.consumers import close
from tests.waiting import eventually


@pytest.fixture
async def consumer(fresh_broker):
    """A member of a group, with what it fetches under way."""
    url = fresh_broker.url
    consumer = AIOKafkaConsumer("cart.v1", bootstrap_servers=url, group_id="leaving", enable_auto_commit=False)
    await consumer.start()
    consumer._fetcher._retry_backoff = 60.0  # a fetch that fails is waiting when the consumer is closed
    await eventually(lambda: consumer._fetcher._pending_tasks)
    return consumer


def left_open(consumer):
    others = asyncio.all_tasks() - {asyncio.current_task()}
    return [each for each in consumer._client._conns.values() if each.connected()], others


async def test_a_consumer_is_closed_while_its_broker_is_away_and_whoever_does_it_is_not_cancelled(
    consumer, fresh_broker
):
    fresh_broker.stop()
    fetches = consumer._fetcher._pending_tasks
    await eventually(lambda: any(getattr(each.get_coro().cr_await, "__name__", "") == "sleep" for each in fetches))
    await close(consumer)
    assert left_open(consumer) == ([], set())


@pytest.mark.parametrize("is_cancelled", [False, True])
async def test_a_consumer_is_closed_while_its_broker_hangs(consumer, fresh_broker, is_cancelled, monkeypatch):
    monkeypatch.setattr(consumers, "LEAVE_SECONDS", 60 if is_cancelled else 0.5)
    os.kill(fresh_broker.pid, signal.SIGSTOP)
    closing = asyncio.create_task(close(consumer))
    try:
        if is_cancelled:
            await asyncio.wait([closing], timeout=0.2)
            closing.cancel()
        await asyncio.wait([closing])
    finally:
        os.kill(fresh_broker.pid, signal.SIGCONT)
    assert left_open(consumer) == ([], set())


async def test_a_consumer_that_was_never_started_is_closed():
    consumer = AIOKafkaConsumer(bootstrap_servers="127.0.0.1:1")
    await close(consumer)
    assert left_open(consumer) == ([], set())
