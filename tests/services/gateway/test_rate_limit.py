from contextlib import suppress
from types import SimpleNamespace

import pytest
from redis.asyncio import Redis

from services.gateway.rate_limit import RateLimiter, TooManyRequests
from services.gateway.settings import GatewaySettings
from stack.parts.valkey import Valkey


def statuses(client, headers=None, times=3):
    return [client.get("/v1/products", headers=headers).status_code for _ in range(times)]


def test_a_user_over_the_limit_is_told_when_to_come_back(gateway, bearer):
    client = gateway(user_requests_per_minute=2)
    assert statuses(client, bearer("900")) == [200, 200, 429]
    answer = client.get("/v1/products", headers=bearer("900"))
    assert 1 <= int(answer.headers["retry-after"]) <= 61
    assert answer.headers["content-type"] == "application/problem+json"


def test_reads_writes_and_signing_in_are_counted_apart(gateway, bearer):
    limits = {"user_requests_per_minute": 3, "user_writes_per_minute": 2, "user_sign_ins_per_minute": 1}
    client, user = gateway(**limits), bearer("900")
    paths = ("/v1/actions", "/v1/auth/sessions/refresh", "/v1/auth/password", "/v1/auth/registrations/confirm")
    assert [client.post(path, headers=user).status_code for path in paths] == [200, 200, 200, 429]
    assert client.post("/v1/actions", headers=user).status_code == 429
    assert statuses(client, user) == [200] * 3


def test_logging_in_is_limited_by_address(gateway):
    client = gateway(address_sign_ins_per_minute=1)
    login = {"email": "a@example.com", "password": "x"}
    assert [client.post("/session", json=login).status_code for _ in range(2)] == [503, 429]
    assert client.post("/v1/auth/sessions", json=login).status_code == 429
    assert client.get("/session").status_code == client.post("/v1/visitors").status_code - 1 == 200


@pytest.mark.parametrize("path", ["/session", "/v1/auth/sessions"])
def test_a_line_feed_behind_the_path_is_no_way_around_the_limit_of_logging_in(gateway, path):
    client = gateway(address_sign_ins_per_minute=1)
    login = {"email": "a@example.com", "password": "x"}
    assert client.post(path, json=login).status_code != 429
    assert client.post(f"{path}%0A", json=login).status_code == 429


def test_another_user_has_a_limit_of_its_own(gateway, bearer):
    client = gateway(user_requests_per_minute=2)
    statuses(client, bearer("900"))
    assert statuses(client, bearer("901")) == [200, 200, 429]


def test_an_address_over_the_limit_is_refused_and_its_users_are_not(gateway, bearer):
    client = gateway(address_requests_per_minute=2)
    assert [*statuses(client), *statuses(client, bearer("900"), 1)] == [200, 200, 429, 200]


def test_services_are_not_limited(gateway, bearer):
    client = gateway(user_requests_per_minute=1, address_requests_per_minute=1)
    assert statuses(client, bearer("importer", calls="catalog")) == [200] * 3


def test_two_gateways_count_together(gateway, bearer, valkey):
    first, second = (gateway(user_requests_per_minute=2, redis_url=valkey.url) for _ in range(2))
    user = bearer("counted-together")
    assert [*statuses(first, user, 2), *statuses(second, user, 1)] == [200, 200, 429]


def test_while_redis_is_away_everyone_passes(gateway, bearer):
    client = gateway(user_requests_per_minute=1, redis_url="redis://127.0.0.1:1/0")
    assert statuses(client, bearer("900")) == [200] * 3


@pytest.fixture(autouse=True)
def within_one_minute(monkeypatch):
    """The windows begin with the clock's minutes: no test may fall on two of them."""
    monkeypatch.setattr("services.gateway.rate_limit.time", SimpleNamespace(time=lambda: 1_800_000_000.0))


async def passed(limiter):
    """How many requests of one user a gateway lets pass."""
    number = 0
    with suppress(TooManyRequests):
        while True:
            await limiter.admit("user:read", "by-the-share")
            number += 1
    return number


async def test_gateways_count_by_the_share_and_let_no_more_pass_than_the_limit(environment, valkey):
    settings = GatewaySettings(**{**environment, "redis_url": valkey.url, "user_requests_per_minute": 1000})
    first, second = RateLimiter(settings), RateLimiter(settings)
    await first.admit("user:read", "by-the-share")
    assert await passed(second) == 1000 - 10
    assert await passed(first) == 9
    async with Redis.from_url(valkey.url) as redis:
        [key] = await redis.keys("gateway:rate:user:read:by-the-share:*")
        assert 0 < await redis.ttl(key) <= 60
    await first.close()
    await second.close()


async def test_what_comes_after_a_restart_of_redis_is_counted(environment, tmp_path):
    with Valkey(tmp_path / "valkey") as server:
        limiter = RateLimiter(
            GatewaySettings(**{**environment, "redis_url": server.url, "user_requests_per_minute": 1})
        )
        await limiter.admit("user:read", "before")
        server.stop()
        server.start()
        await limiter.admit("user:read", "after")
        async with Redis.from_url(server.url) as redis:
            assert await redis.keys("gateway:rate:user:read:after:*") != []
        await limiter.close()
