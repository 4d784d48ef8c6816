import asyncio

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from services.contracts.topics import TOPICS
from stack.preparation import differing_topics, make_topics


async def create(url, *topics):
    admin = AIOKafkaAdminClient(bootstrap_servers=url)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, partitions, 1) for name, partitions in topics])
    finally:
        await admin.close()


def test_topics_with_other_partitions_are_told_with_the_remedy_and_left_alone(broker):
    asyncio.run(create(broker.url, ("user-actions.v1", 2), ("cart.v1", 4)))
    for _ in range(2):
        all_topics, others = make_topics(broker.settings), differing_topics(broker.settings)
        assert all_topics.name == f"{len(TOPICS)} of {broker.url}"
        assert {each.name: each.detail.partition(":")[0] for each in others} == {
            "cart.v1": "has 4 partitions, not 3",
            "user-actions.v1": "has 2 partitions, not 6",
        }
    assert "kafka-topics.sh --alter --topic user-actions.v1 --partitions 6" in others[1].detail
