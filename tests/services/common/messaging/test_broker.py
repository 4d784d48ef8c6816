import asyncio
import os
import signal
from math import inf

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from services.common.messaging import broker as module
from services.common.messaging.broker import LogReplacedError, close, watching
from tests.waiting import eventually


@pytest.mark.parametrize("fresh_broker", ["embedded"], indirect=True)
async def test_an_outage_of_the_broker_is_no_other_log_and_is_told_once(broker, monkeypatch, caplog):
    monkeypatch.setattr(module, "CHECK_SECONDS", 0.05)
    asked, ask = [], module.LogWatch._ask
    monkeypatch.setattr(module.LogWatch, "_ask", lambda watch: asked.append(1) or ask(watch))

    async def log():
        return caplog.text

    async with (
        AIOKafkaConsumer(bootstrap_servers=broker.url) as client,
        watching(client, ["cart.v1"]) as watch,
    ):
        await watch.identify()
        broker.stop()
        await eventually(log, lambda text: "the broker is unavailable" in text)
        before = len(asked)
        await eventually(lambda: len(asked), lambda times: times > before + 2)
        watch.check()
    assert caplog.text.count("the broker is unavailable") == 1


@pytest.mark.parametrize("fresh_broker", ["embedded"], indirect=True)
async def test_whoever_identifies_the_logs_again_learns_of_another_even_before_the_watch(broker, monkeypatch):
    monkeypatch.setattr(module, "CHECK_SECONDS", inf)
    async with (
        AIOKafkaConsumer(bootstrap_servers=broker.url) as client,
        watching(client, ["cart.v1"]) as watch,
    ):
        await watch.identify()
        known = watch.ids
        broker.stop()
        broker.start()

        async def failure():
            try:
                await watch.identify()
            except (KafkaError, OSError) as error:
                return error

        await eventually(failure, lambda error: isinstance(error, LogReplacedError))
    assert watch.ids == known


@pytest.mark.parametrize("fresh_broker", ["apache"], indirect=True)  # nobody leaves the embedded one's first generation
async def test_whoever_is_cancelled_while_leaving_the_group_is_disconnected_all_the_same(broker):
    client = AIOKafkaConsumer("cart.v1", bootstrap_servers=broker.url, group_id="leaving")
    await client.start()
    await eventually(client.assignment)
    connections = list(client._client._conns.values())
    os.kill(broker.pid, signal.SIGSTOP)
    leaving = asyncio.create_task(close(client))
    try:
        while not leaving.done():
            await asyncio.wait([leaving], timeout=0.2)
            leaving.cancel()
    finally:
        os.kill(broker.pid, signal.SIGCONT)
    assert leaving.cancelled()
    assert connections
    assert not any(each.connected() for each in connections)
