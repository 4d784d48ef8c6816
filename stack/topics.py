"""Creates the topics as `services.contracts.topics` declares them; producing to a missing one would hang."""

from collections.abc import Collection

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from services.contracts.topics import TOPICS


async def create_topics(url: str, names: Collection[str] = tuple(TOPICS), *, replication: int = 1) -> list[str]:
    """Create those of the topics that the broker lacks, and return their names.

    Args:
        url: the broker, `host:port[,host:port…]`.
        names: which of the declared topics.
        replication: how many brokers keep each partition.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=url)
    await admin.start()
    try:
        existing = set(await admin.list_topics())
        missing = [TOPICS[name] for name in names if name not in existing]
        await admin.create_topics(
            [
                NewTopic(
                    topic.name,
                    num_partitions=topic.partitions,
                    replication_factor=replication,
                    topic_configs={
                        "retention.ms": str(topic.retention_ms),
                        "max.message.bytes": str(topic.max_message_bytes),
                    },
                )
                for topic in missing
            ]
        )
    finally:
        await admin.close()
    return [topic.name for topic in missing]
