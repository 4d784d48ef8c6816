import asyncio
import os
import signal
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.conn import AIOKafkaConnection

from services.contracts import consumers
from services.contracts.consumers import close
from tests.waiting import eventually


@pytest.fixture
async def consumer(fresh_broker):
    """A member of a group, with a fetch under way."""
    url, group = fresh_broker.url, f"leaving-{uuid4()}"
    consumer = AIOKafkaConsumer("cart.v1", bootstrap_servers=url, group_id=group, enable_auto_commit=False)
    await consumer.start()
    await eventually(lambda: fetches(consumer))
    consumer._fetcher._retry_backoff = 60.0  # a fetch that fails is waiting when the consumer is closed
    return consumer


def fetches(consumer):
    """What the fetches under way are waiting for."""
    running = [each.get_coro() for each in consumer._fetcher._pending_tasks]
    return [getattr(each.cr_await, "__name__", "") for each in running if each.__name__ == "_proc_fetch_request"]


def left_open(consumer):
    others = asyncio.all_tasks() - {asyncio.current_task()}
    return [each for each in consumer._client._conns.values() if each.connected()], others


async def test_a_consumer_is_closed_while_its_broker_is_away_and_whoever_does_it_is_not_cancelled(
    consumer, fresh_broker
):
    fresh_broker.stop()
    await eventually(lambda: "sleep" in fetches(consumer))
    await close(consumer)
    assert left_open(consumer) == ([], set())


@pytest.mark.parametrize("fresh_broker", ["apache"], indirect=True)  # nobody leaves the embedded one's first generation
@pytest.mark.parametrize("cancelled", [0, 1, 2])
async def test_a_consumer_is_closed_while_its_broker_hangs(consumer, fresh_broker, cancelled, monkeypatch):
    monkeypatch.setattr(consumers, "LEAVE_SECONDS", 60 if cancelled else 0.5)
    os.kill(fresh_broker.pid, signal.SIGSTOP)
    closing = asyncio.create_task(close(consumer))
    try:
        await asyncio.wait([closing], timeout=0.2)
        for _ in range(cancelled):
            closing.cancel()
            await asyncio.sleep(0)
        await asyncio.wait([closing], timeout=20)
        assert closing.cancelled() is bool(cancelled)
        await eventually(lambda: left_open(consumer) == ([], set()))
    finally:
        os.kill(fresh_broker.pid, signal.SIGCONT)


@pytest.mark.parametrize("fresh_broker", ["embedded"], indirect=True)
async def test_a_connection_that_does_not_end_ends_the_closing_and_not_whoever_does_it(consumer, monkeypatch):
    monkeypatch.setattr(consumers, "LEAVE_SECONDS", 0.5)
    end, never = AIOKafkaConnection.close, asyncio.get_running_loop().create_future()
    monkeypatch.setattr(AIOKafkaConnection, "close", lambda each, **why: [end(each, **why), never][1])
    await close(consumer)
    assert left_open(consumer) == ([], set())


async def test_a_consumer_that_was_never_started_is_closed():
    consumer = AIOKafkaConsumer(bootstrap_servers="127.0.0.1:1")
    await close(consumer)
    assert left_open(consumer) == ([], set())
