import pytest
from aiokafka import AIOKafkaConsumer

from services.common.follower import Follower
from services.common.worker import running
from tests.services.waiting import eventually

TOPIC = "user-actions.v1"


async def test_a_follower_reads_all_from_the_start_and_on_after_the_broker_came_back(broker, settings, producer):
    seen = set()
    follower = Follower(settings, topics=[TOPIC], handle=lambda records: seen.update(each.value for each in records))

    async def values():
        return set(seen)

    async def send(*messages):
        return await producer.send_many(TOPIC, messages)

    await send(("u1", b"1"), ("u2", b"2"))
    async with running([follower]):
        await eventually(values, {b"1", b"2"}.issubset)
        await send(("u1", b"3"))
        await eventually(values, {b"3"}.issubset)
        assert follower.is_alive
        broker.stop()
        broker.start()
        broker.create_topics()
        await eventually(lambda: send(("u1", b"4")), lambda results: results == [None])
        await eventually(values, {b"4"}.issubset)


class Busy(AIOKafkaConsumer):
    """Follows topics on which something new always comes: no poll is empty."""

    async def getmany(self, *partitions, **options):
        while not (found := await super().getmany(*partitions, **options)):
            pass
        return found


class Slow(AIOKafkaConsumer):
    """Its fetches take longer than a poll: every other poll is empty."""

    is_late = False

    async def getmany(self, *partitions, **options):
        self.is_late = not self.is_late
        return {} if self.is_late else await super().getmany(*partitions, **options)


@pytest.mark.parametrize("client", [AIOKafkaConsumer, Busy, Slow])
async def test_a_follower_has_caught_up_once_it_read_what_was_there(settings, producer, client, monkeypatch):
    monkeypatch.setattr("services.common.follower.AIOKafkaConsumer", client)
    seen = []

    def note(records):
        seen.extend((record.value, follower.has_caught_up) for record in records)

    follower = Follower(settings, topics=[TOPIC], handle=note, batch=100)
    more_than_one_fetch = [(f"u{number % 2}", bytes(10_000)) for number in range(500)]
    await producer.send_many(TOPIC, more_than_one_fetch)

    async def caught_up():
        return follower.has_caught_up

    async with running([follower]):
        await eventually(caught_up, bool)
        assert seen == [(bytes(10_000), False)] * 500
        await producer.send(TOPIC, "u1", b"the last, for a busy client waits for it")
