"""Profile's workers, run as a process that ends itself by SIGKILL at a kill point.

    python profile_service.py DATABASE_URL KAFKA_URL KILL_POINT

The kill points: `handled` (the changes of a batch are not committed), `committed` (its offsets are not), and
`published` (the broker has acknowledged events that are not yet marked).
"""

import asyncio
import os
import signal
import sys

from services.common.messaging.consumer import Consumer
from services.common.messaging.producer import Producer
from services.common.messaging.relay import Relay
from services.common.runtime.worker import running
from services.common.storage.database import Database
from services.profile.consumer import TOPIC, follow_auth
from services.profile.settings import ProfileSettings


def die():
    os.kill(os.getpid(), signal.SIGKILL)


async def handle_and_die(session, messages):
    await follow_auth(session, messages)
    die()


class FatalConsumer(Consumer):
    async def handle_records(self, records):
        await super().handle_records(records)
        die()


class FatalProducer(Producer):
    async def send_many(self, topic, messages):
        await super().send_many(topic, messages)
        die()


async def main(database_url, kafka_url, kill_point):
    settings = ProfileSettings(database_url=database_url, kafka_url=kafka_url, kafka_idempotence=True)
    database = Database(database_url)
    producer = (FatalProducer if kill_point == "published" else Producer)(settings)
    consumer = (FatalConsumer if kill_point == "committed" else Consumer)(
        settings,
        topics=[TOPIC],
        database=database,
        producer=producer,
        handle=handle_and_die if kill_point == "handled" else follow_auth,
        name="auth",
    )
    async with running([consumer, Relay(database_url, producer)]):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
