import asyncio
import gc
import time

import pytest
from prometheus_client import REGISTRY

from services.common.producer import BrokerUnavailableError, Producer


def produced(topic):
    return REGISTRY.get_sample_value("tanawari_events_produced_total", {"topic": topic}) or 0


async def test_acknowledged_messages_are_counted(producer):
    before = produced("cart.v1")
    assert await producer.send_many("cart.v1", [("u1", b"{}"), ("u2", b"{}")]) == [None, None]
    assert produced("cart.v1") - before == 2


async def test_while_the_broker_is_away_it_fails_fast_and_counts_nothing(producer, broker):
    await producer.send("cart.v1", "u1", b"{}")
    broker.stop()
    before = produced("cart.v1")
    with pytest.raises(BrokerUnavailableError):
        await producer.send("cart.v1", "u1", b"{}")
    started = time.monotonic()
    with pytest.raises(BrokerUnavailableError):
        await producer.send("cart.v1", "u1", b"{}")
    assert time.monotonic() - started < 0.1
    assert produced("cart.v1") == before


async def test_it_closes_at_once_and_quietly_while_the_broker_is_away(settings, broker, caplog):
    producer = Producer(settings)
    await producer.send("cart.v1", "u1", b"{}")
    broker.stop()
    with pytest.raises(BrokerUnavailableError):
        await producer.send("cart.v1", "u1", b"never acknowledged")
    async with asyncio.timeout(2):
        await producer.close()
    del producer
    gc.collect()
    assert not [record for record in caplog.records if record.name == "asyncio"]
