import asyncio
import os
import signal
import time
from math import inf

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from services.common.messaging.follower import TURN, Follower
from services.common.runtime.worker import running
from tests.services.common.messaging.topics import create_again
from tests.waiting import eventually

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


async def test_a_topic_that_is_created_again_is_followed_from_its_start(broker, settings, producer):
    seen = []
    follower = Follower(settings, topics=[TOPIC], handle=lambda records: seen.extend(each.value for each in records))

    async def values():
        return sorted(set(seen))

    await producer.send(TOPIC, "u1", b"1")
    async with running([follower]):
        await eventually(values, lambda found: found == [b"1"])
        create_again(broker, TOPIC, ("u1", b"2"), ("u1", b"3"))
        await eventually(values, lambda found: found == [b"1", b"2", b"3"])
        assert follower.starts == 2


class Counting(AIOKafkaConsumer):
    """Counts the times at which nothing is fetched for a while."""

    naps = 0

    def pause(self, *partitions):
        Counting.naps += 1
        super().pause(*partitions)


@pytest.fixture
def counting(monkeypatch):
    monkeypatch.setattr("services.common.messaging.follower.AIOKafkaConsumer", Counting)
    monkeypatch.setattr(Counting, "naps", 0)
    return Counting


async def test_after_a_while_without_messages_it_fetches_now_and_then_and_misses_none(
    settings, producer, counting, monkeypatch
):
    monkeypatch.setattr("services.common.messaging.follower.QUIET_SECONDS", 0.0)
    seen = []
    follower = Follower(settings, topics=[TOPIC], handle=lambda records: seen.extend(each.value for each in records))

    async def values():
        return seen

    async with running([follower]):
        for number in range(10):
            await producer.send(TOPIC, f"u{number}", str(number).encode())
            await eventually(values, lambda found, count=number + 1: len(found) >= count)

    assert seen == [str(number).encode() for number in range(10)]
    assert counting.naps > 0


async def test_while_messages_come_it_fetches_all_the_time(settings, producer, counting, monkeypatch):
    monkeypatch.setattr("services.common.messaging.follower.QUIET_SECONDS", 2.0)
    seen = []
    follower = Follower(settings, topics=[TOPIC], handle=seen.extend)

    async def count():
        return len(seen)

    async with running([follower]):
        begun = time.monotonic()
        while time.monotonic() - begun < 3:
            before = len(seen)
            await producer.send(TOPIC, "u1", b"")
            await eventually(count, lambda found, before=before: found > before)

    assert counting.naps == 0


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
    monkeypatch.setattr("services.common.messaging.follower.AIOKafkaConsumer", client)
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


class Trickling(AIOKafkaConsumer):
    """It gets one record at a time, and not at once."""

    async def getmany(self, *partitions, **options):
        await asyncio.sleep(0.1)
        return await super().getmany(*partitions, **options | {"max_records": 1})


async def test_a_follower_that_falls_behind_says_so_until_it_has_caught_up_again(settings, producer, monkeypatch):
    monkeypatch.setattr("services.common.messaging.follower.AIOKafkaConsumer", Trickling)
    monkeypatch.setattr("services.common.messaging.follower.LAG_SECONDS", 1.0)
    follower = Follower(settings, topics=[TOPIC], handle=lambda _: None)

    async def caught_up():
        return follower.has_caught_up

    async with running([follower]):
        await eventually(caught_up, bool)
        await producer.send_many(TOPIC, [("u1", bytes(300_000))] * 40)

        await eventually(caught_up, lambda is_caught_up: not is_caught_up)
        await eventually(caught_up, bool)


async def test_a_follower_has_not_caught_up_with_a_broker_that_hangs(settings, broker, monkeypatch):
    monkeypatch.setattr("services.common.messaging.follower.LAG_SECONDS", 1.0)
    monkeypatch.setattr("services.common.messaging.broker.CHECK_SECONDS", inf)  # as with others: only fetches can tell
    follower = Follower(settings, topics=[TOPIC], handle=lambda _: None)

    async def caught_up():
        return follower.has_caught_up

    async with running([follower]):
        await eventually(caught_up, bool)
        os.kill(broker.pid, signal.SIGSTOP)
        try:
            await eventually(caught_up, lambda is_caught_up: not is_caught_up)
        finally:
            os.kill(broker.pid, signal.SIGCONT)

        await eventually(caught_up, bool)


async def test_many_records_are_handled_in_turns_with_others(settings, producer):
    turns = []
    follower = Follower(settings, topics=[TOPIC], handle=lambda records: turns.append(len(records)))
    await producer.send_many(TOPIC, [("u1", b"")] * 2_000)

    async def handled():
        return sum(turns)

    async with running([follower]):
        await eventually(handled, lambda total: total >= 2_000)

    assert max(turns) <= TURN


async def test_it_begins_at_its_time_where_the_broker_knows_times(settings, broker):
    seen, since = set(), time.time() - 60

    def note(records):
        seen.update(record.value for record in records)

    follower = Follower(settings, topics=[TOPIC], since=lambda: since, handle=note)
    sender = AIOKafkaProducer(bootstrap_servers=broker.url)
    await sender.start()
    for value, age in ((b"old", 3_600), (b"new", 0)):
        at = int((time.time() - age) * 1000)
        await sender.send_and_wait(TOPIC, value, key=b"since", timestamp_ms=at, partition=0)
    await sender.stop()

    async def values():
        return seen & {b"old", b"new"}

    async with running([follower]):
        found = await eventually(values, lambda found: b"new" in found)

    assert found == ({b"new"} if broker.is_idempotent else {b"old", b"new"})  # the embedded one names its beginning


async def test_it_is_followed_anew_when_its_time_becomes_earlier(settings):
    since = time.time()
    follower = Follower(settings, topics=[TOPIC], since=lambda: since, handle=lambda _: None)

    async def starts():
        return follower.starts

    async with running([follower]):
        await eventually(starts, lambda number: number == 1)
        since -= 60

        await eventually(starts, lambda number: number == 2)
