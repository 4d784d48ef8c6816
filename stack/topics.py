"""Creates the topics that `services.contracts.topics` declares; producing to a missing topic would hang."""

import asyncio
from collections import Counter
from collections.abc import Collection

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from services.contracts.kafka import KafkaSettings
from services.contracts.topics import TOPICS, Topic
from warehouse.broker import all_partitions

VISIBLE_SECONDS = 30.0
POLL_SECONDS = 0.05


async def create_topics(kafka: KafkaSettings, names: Collection[str] = tuple(TOPICS)) -> list[str]:
    """Create the missing topics; returns their names once the broker serves all topics.

    Args:
        kafka: the broker; topics get its default number of replicas.
        names: the topics, of the declared ones.

    Raises:
        KafkaError: the broker refused a topic.
        TimeoutError: it does not serve them in time.
    """
    admin = AIOKafkaAdminClient(**kafka.client_arguments())
    try:
        async with kafka.explained():
            await admin.start()
        existing = set(await admin.list_topics())
        missing = [name for name in names if name not in existing]
        if missing:
            replicas = await _default_replicas(admin)
            answer = await admin.create_topics([_as_declared(TOPICS[name], replicas) for name in missing])
            for name, code, *_ in answer.topic_errors:
                if code not in (0, TopicAlreadyExistsError.errno):  # another process may have created it
                    raise for_code(code)(f"topic {name} was refused by the broker at {kafka.kafka_url}")
        async with asyncio.timeout(VISIBLE_SECONDS):
            while not set(names) <= await _served(admin):  # noqa: ASYNC110 - the broker sends no notification
                await asyncio.sleep(POLL_SECONDS)
    finally:
        await admin.close()
    return missing


async def differing_partitions(kafka: KafkaSettings) -> dict[str, str]:
    """The topics that have more or fewer partitions than declared, each with what to do."""
    served = Counter(partition.topic for partition in await all_partitions(kafka))
    return {
        name: _remedy(TOPICS[name], number)
        for name, number in sorted(served.items())
        if number != TOPICS[name].partitions
    }


def _remedy(topic: Topic, number: int) -> str:
    told = f"has {number} partitions, not {topic.partitions}"
    if number > topic.partitions:
        return f"{told}: that works, and no topic can have fewer than before"
    command = f"kafka-topics.sh --alter --topic {topic.name} --partitions {topic.partitions}"
    return f"{told}: fewer processes can share it; stop what produces to it, run tanawari land, then {command}"


def _as_declared(topic: Topic, replicas: int) -> NewTopic:
    configs = {"retention.ms": str(topic.retention_ms), "max.message.bytes": str(topic.max_message_bytes)}
    return NewTopic(topic.name, topic.partitions, replicas, topic_configs=configs)


async def _default_replicas(admin: AIOKafkaAdminClient) -> int:
    """The broker's default number of replicas; 1 for a single broker (the embedded one lacks the request)."""
    brokers = (await admin.describe_cluster())["brokers"]
    if len(brokers) == 1:
        return 1
    name = "default.replication.factor"
    asked = ConfigResource(ConfigResourceType.BROKER, str(brokers[0]["node_id"]), {name: None})
    (answer,) = await admin.describe_configs([asked])
    ((code, message, _, _, entries),) = answer.resources
    if code:
        raise for_code(code)(f"{name} cannot be read: {message}")
    return int(entries[0][1])


async def _served(admin: AIOKafkaAdminClient) -> set[str]:
    """The topics of which every partition has a leader, which a new topic gets after a moment."""
    return {
        topic["topic"]
        for topic in await admin.describe_topics()
        if topic["partitions"] and all(partition["leader"] >= 0 for partition in topic["partitions"])
    }
