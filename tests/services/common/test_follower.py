import asyncio

from services.common.follower import Follower
from services.common.worker import running
from stack.topics import create_topics
from tests.services.waiting import eventually

TOPIC = "user-actions.v1"


async def test_a_follower_reads_all_from_the_start_and_again_after_the_log_was_lost(broker, settings, producer):
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
        await create_topics(broker.url)
        await eventually(lambda: send(("u1", b"4")), lambda results: results == [None])
        await eventually(values, {b"4"}.issubset)


async def test_a_follower_has_caught_up_once_it_read_what_was_there(settings, producer):
    seen = []
    follower = Follower(settings, topics=[TOPIC], handle=seen.extend)
    more_than_one_fetch = [(f"u{number % 2}", bytes(10_000)) for number in range(500)]
    await producer.send_many(TOPIC, more_than_one_fetch)

    async with running([follower]):
        await eventually(lambda: has_caught_up(follower), bool)
        assert len(seen) == 500


async def test_a_follower_catches_up_though_messages_keep_coming(settings, producer):
    follower = Follower(settings, topics=[TOPIC], handle=lambda _: None)

    async def send():
        while True:
            await producer.send(TOPIC, "u1", b"{}")

    await producer.send(TOPIC, "u1", b"{}")
    sending = asyncio.create_task(send())
    try:
        async with running([follower]):
            await eventually(lambda: has_caught_up(follower), bool)
            assert not sending.done()
    finally:
        sending.cancel()


async def has_caught_up(follower):
    return follower.has_caught_up
