import asyncio
import gc
import time

import pytest
from prometheus_client import REGISTRY

from services.common.messaging.producer import BrokerUnavailableError, Producer


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


@pytest.mark.parametrize("fresh_broker", ["embedded"], indirect=True)
async def test_all_who_ask_a_broker_that_is_silent_wait_for_the_same_try(settings, monkeypatch):
    monkeypatch.setattr("services.common.messaging.connection.TIMEOUT", 0.5)

    async def say_nothing(reader, writer):
        await reader.read()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as silent:
        address = "{}:{}".format(*silent.sockets[0].getsockname())
        producer = Producer(settings.model_copy(update={"kafka_url": address}))
        started = time.monotonic()
        failures = await asyncio.gather(*(producer.send_many("cart.v1", [("u1", b"{}")]) for _ in range(20)))
        assert time.monotonic() - started < 2
        await producer.close()
    assert all(isinstance(failure, BrokerUnavailableError) for (failure,) in failures)


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
