import asyncio
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from aiokafka import AIOKafkaConsumer

from services.contracts.topics import TOPICS
from stack.databases import create_database


def test_a_role_can_connect_to_its_own_database(database):
    with psycopg.connect(database()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("other", ["postgres", "template1", None])
def test_a_role_can_connect_to_no_other_database(database, other):
    own, foreign = database(), database()
    name = other or urlsplit(foreign).path[1:]
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(urlsplit(own)._replace(path=f"/{name}").geturl())


def test_provisioning_may_be_repeated(postgres_server):
    first = create_database(postgres_server.url(), "twice", "one")
    second = create_database(postgres_server.url(), "twice", "two@:/")
    assert first != second
    with psycopg.connect(second) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("twice",)


def test_the_broker_has_every_declared_topic_with_its_partitions(broker):
    broker.create_topics()
    assert broker.create_topics() == []

    async def partitions():
        async with AIOKafkaConsumer(bootstrap_servers=broker.url) as consumer:
            await consumer.topics()
            return {name: len(consumer.partitions_for_topic(name)) for name in TOPICS}

    assert asyncio.run(partitions()) == {name: topic.partitions for name, topic in TOPICS.items()}


def test_valkey_answers_whoever_knows_its_password_and_nobody_else(valkey):
    with redis.Redis(port=valkey.port) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()
    with redis.Redis.from_url(valkey.url) as ours:
        assert ours.ping()


def test_a_full_valkey_drops_what_ends_soon_before_what_is_kept_for_long(valkey):
    with redis.Redis.from_url(valkey.url) as ours:
        most = ours.config_get("maxmemory")["maxmemory"]
        ours.set("counted-for-long", "1", ex=30 * 86_400)
        ours.config_set("maxmemory", ours.info("memory")["used_memory"] + 500_000)
        for number in range(2_000):
            ours.set(f"counted-for-a-minute-{number}", "x" * 1_000, ex=60)
        kept = ours.exists("counted-for-long"), ours.info("stats")["evicted_keys"] > 0
        ours.config_set("maxmemory", most)
    assert kept == (1, True)
