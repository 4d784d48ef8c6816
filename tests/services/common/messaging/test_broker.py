from math import inf

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from services.common.messaging import broker as module
from services.common.messaging.broker import LogReplacedError, watching
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
