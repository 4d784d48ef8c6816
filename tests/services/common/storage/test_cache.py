import asyncio
import uuid
from functools import partial

import pytest

from services.common.runtime.settings import ServiceSettings
from services.common.storage.cache import Cache
from stack.parts.valkey import Valkey
from tests.waiting import eventually


def cache_of(url):
    return Cache(
        ServiceSettings(service=f"cache-{uuid.uuid4().hex[:6]}", redis_url=url), {"k": 60, "other": 60, "short": 0.05}
    )


@pytest.fixture(params=["memory", "valkey"])
async def cache(request):
    url = None if request.param == "memory" else request.getfixturevalue("valkey").url
    cache = cache_of(url)
    yield cache
    await cache.close()


async def test_a_value_is_made_once_while_it_is_kept(cache):
    made = []

    async def make():
        made.append(1)
        return b"value"

    assert [await cache.get_or_make("k", seconds=60, make=make) for _ in range(2)] == [b"value", b"value"]
    assert made == [1]


async def test_a_value_that_many_ask_for_at_once_is_made_once(cache):
    made = []
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def make():
        made.append(1)
        begun.set()
        await may_end.wait()
        return b"value"

    asked = [asyncio.create_task(cache.get_or_make("k", seconds=60, make=make)) for _ in range(5)]
    await begun.wait()
    await asyncio.gather(
        *[cache.get("other") for _ in asked]
    )  # those who asked before have been told that it is missing
    asked[0].cancel()
    may_end.set()
    assert await asyncio.gather(*asked[1:]) == [b"value"] * 4
    assert made == [1]


async def test_what_could_not_be_made_is_made_by_the_next_who_asks(cache):
    async def fail():
        raise LookupError

    with pytest.raises(LookupError):
        await cache.get_or_make("k", seconds=60, make=fail)
    assert await cache.get_or_make("k", seconds=60, make=partial(asyncio.sleep, 0, b"value")) == b"value"


async def test_a_cache_that_is_away_means_not_cached(tmp_path):
    with Valkey(tmp_path / "valkey") as server:
        cache = cache_of(server.url)
        await cache.set("k", b"old", 60)
    assert await cache.get("k") is None
    await cache.set("k", b"new", 60)

    async def make():
        return b"made"

    assert await cache.get_or_make("k", seconds=60, make=make) == b"made"
    await cache.close()


async def test_a_connection_that_a_restart_of_redis_broke_is_made_anew(tmp_path):
    with Valkey(tmp_path / "valkey") as server:
        cache = cache_of(server.url)
        await cache.set("k", b"old", 60)
        server.stop()
        server.start()
        await cache.set("k", b"new", 60)
        assert await cache.get("k") == b"new"
        await cache.close()


async def test_nothing_is_cached_whose_kind_is_not_declared(cache):
    with pytest.raises(LookupError, match="'unknown'"):
        await cache.set("unknown:1", b"value", 60)


async def test_an_entry_is_kept_no_longer_than_its_kind(cache):
    await cache.set("short:1", b"value", 60)
    await eventually(lambda: cache.get("short:1"), lambda value: value is None)
