import asyncio
import gc
from contextlib import asynccontextmanager

import pytest
from prometheus_client import REGISTRY

from services.common.messaging.producer import BrokerUnavailableError, Producer
from services.contracts.topics import TOPICS
from stack.parts.process import free_port


def produced(topic):
    return REGISTRY.get_sample_value("tanawari_events_produced_total", {"topic": topic}) or 0


@asynccontextmanager
async def doors(host, port):
    """Somebody who lets everyone in and says nothing; who came."""
    knocks = []

    async def say_nothing(reader, writer):
        knocks.append(writer.get_extra_info("peername"))
        await reader.read()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(say_nothing, host, port):
        yield knocks


async def test_acknowledged_messages_are_counted(producer):
    before = produced("cart.v1")
    assert await producer.send_many("cart.v1", [("u1", b"{}"), ("u2", b"{}")]) == [None, None]
    assert produced("cart.v1") - before == 2


async def test_after_a_try_that_failed_it_fails_for_a_while_without_another_and_counts_nothing(
    settings, broker, monkeypatch
):
    monkeypatch.setattr("services.common.messaging.connection.PAUSE", 600.0)
    producer, before = Producer(settings), produced("cart.v1")
    broker.stop()
    with pytest.raises(BrokerUnavailableError):
        await producer.send("cart.v1", "u1", b"{}")
    async with doors(*broker.url.split(":")) as knocks:
        with pytest.raises(BrokerUnavailableError):
            await producer.send("cart.v1", "u1", b"{}")
    assert (knocks, produced("cart.v1")) == ([], before)


@pytest.mark.parametrize("fresh_broker", ["embedded"], indirect=True)
async def test_all_who_ask_a_broker_that_is_silent_wait_for_the_same_try(settings, monkeypatch):
    monkeypatch.setattr("services.common.messaging.connection.TIMEOUT", 0.5)

    port = free_port()
    async with doors("127.0.0.1", port) as knocks:
        producer = Producer(settings.model_copy(update={"kafka_url": f"127.0.0.1:{port}"}))
        failures = await asyncio.gather(*(producer.send_many("cart.v1", [("u1", b"{}")]) for _ in range(20)))
        await producer.close()
    assert len(knocks) == 1
    assert all(isinstance(failure, BrokerUnavailableError) for (failure,) in failures)


async def test_it_closes_at_once_and_quietly_while_the_broker_is_away(settings, broker, caplog):
    producer = Producer(settings)
    await producer.send("cart.v1", "u1", b"{}")
    broker.stop()
    with pytest.raises(BrokerUnavailableError):
        await producer.send("cart.v1", "u1", b"never acknowledged")
    await producer.close()
    del producer
    gc.collect()
    assert not [record for record in caplog.records if record.name == "asyncio"]


@pytest.mark.parametrize("fresh_broker", ["embedded"], indirect=True)
async def test_a_partition_that_the_topic_has_no_more_is_an_outage_of_it_alone(producer, monkeypatch):
    async def more_than_there_are(_topic):
        return TOPICS["cart.v1"].partitions * 1000

    monkeypatch.setattr(producer, "_partitions", more_than_there_are)
    (failure,) = await producer.send_many("cart.v1", [("u1", b"{}")])
    assert str(failure) == "UnknownTopicOrPartitionError"
