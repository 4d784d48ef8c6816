"""A service reduced to its outbox, run as a process that a kill point may end by SIGKILL.

    python outbox_service.py DATABASE_URL KAFKA_URL KILL_POINT BATCHES FIRST COUNT

It commits events FIRST..FIRST+COUNT-1, one a key in each transaction, and relays until the outbox is empty, or until
the kill point in the batch after so many: `committed` (before it is published) or `published` (acknowledged by the
broker and not yet marked).
"""

import asyncio
import os
import signal
import sys

import psycopg

from services.common.messaging.outbox import append
from services.common.messaging.producer import Producer
from services.common.messaging.relay import Relay
from services.common.runtime.settings import ServiceSettings
from services.common.runtime.worker import running
from services.common.storage.database import Database
from services.contracts.events.catalog import ProductDeleted
from tests.waiting import eventually

KEYS = 7


class Settings(ServiceSettings, env_prefix="OUTBOX_SERVICE_"):
    service: str = "outbox-service"


class FatalProducer(Producer):
    """Ends the process, not the program: nothing after the kill point runs."""

    def __init__(self, settings, kill_point, batches):
        super().__init__(settings)
        self._kill_point = kill_point
        self._batches = batches

    async def send_many(self, topic, messages):
        self._die_at("committed")
        results = await super().send_many(topic, messages)
        self._die_at("published")
        self._batches -= 1
        return results

    def _die_at(self, point):
        if point == self._kill_point and self._batches <= 0:
            os.kill(os.getpid(), signal.SIGKILL)


async def main(database_url, kafka_url, kill_point, batches, first, count):
    database = Database(database_url)
    producer = FatalProducer(Settings(kafka_url=kafka_url), kill_point, batches)
    for start in range(first, first + count, KEYS):
        async with database.sessions.begin() as session:
            for number in range(start, min(start + KEYS, first + count)):
                deleted = ProductDeleted(product_id=1 + number % KEYS, sku=str(number))
                await append(session, "outbox-service", "PRODUCT_DELETED", deleted)
    relay = Relay(database_url, producer, batch=20, poll=0.1)
    connection = await psycopg.AsyncConnection.connect(database_url, autocommit=True)

    async def unpublished():
        cursor = await connection.execute("SELECT count(*) FROM outbox WHERE published_at IS NULL")
        return (await cursor.fetchone())[0]

    async with connection, running([relay]):
        await eventually(unpublished, lambda count: count == 0)
    await producer.close()
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4], *map(int, sys.argv[4:])))
