"""Topics that lose their log."""

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from tests.conftest import in_thread


def create_again(broker, topic, *messages):
    """Delete a topic, create it again and send it messages, while nobody on this thread's event loop can see it."""
    in_thread(_delete(broker.url, topic))
    broker.create_topics(topic)
    in_thread(_send(broker.url, topic, messages))


async def _delete(url, topic):
    admin = AIOKafkaAdminClient(bootstrap_servers=url)
    await admin.start()
    try:
        while topic in await admin.list_topics():
            await admin.delete_topics([topic])
    finally:
        await admin.close()


async def _send(url, topic, messages):
    async with AIOKafkaProducer(bootstrap_servers=url) as producer:
        for key, value in messages:
            await producer.send_and_wait(topic, value, key=key.encode())
