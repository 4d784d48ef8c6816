"""Publishes what the outbox holds, in order per key, at least once; runs once per database however often it is started.

    build_app(..., workers=[Relay(settings.database_url, producer)])

It takes unpublished rows whatever their id, for a transaction with a smaller id may commit later, marks them after the
broker's acknowledgement, and is woken by NOTIFY, with a poll as a fall-back. A crash between publishing and marking
sends again; consumers know an event by its id.
"""

import asyncio
import logging
from typing import LiteralString

import psycopg

from services.common.outbox import CHANNEL
from services.common.producer import Producer
from services.common.worker import Worker, pause

logger = logging.getLogger(__name__)

LOCK: LiteralString = "hashtextextended('services.common.relay', 0)"
SELECT: LiteralString = (
    "SELECT id, topic, key, value FROM outbox WHERE published_at IS NULL ORDER BY id LIMIT %(limit)s"
)
MARK: LiteralString = "UPDATE outbox SET published_at = clock_timestamp() WHERE id = ANY(%(ids)s)"


class Relay(Worker):
    """The relay of one database."""

    name = "relay"

    def __init__(self, database_url: str, producer: Producer, *, batch: int = 5_000, poll: float = 1.0) -> None:
        super().__init__()
        self._database_url = database_url
        self._producer = producer
        self._batch = batch
        self._poll = poll

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until `stop`, then what is left; wait while another process holds the lock."""
        connection = await psycopg.AsyncConnection.connect(self._database_url, autocommit=True, connect_timeout=3)
        async with connection:
            while not await self._has_lock(connection):
                self.beat()
                await pause(stop, self._poll)
                if stop.is_set():
                    return
            await connection.execute(f"LISTEN {CHANNEL}")
            while True:
                while await self.publish_batch(connection) == self._batch:
                    pass
                if stop.is_set():
                    return
                await self._wait(connection, stop)

    async def publish_batch(self, connection: psycopg.AsyncConnection) -> int:
        """Publish the oldest unpublished rows and mark those the broker acknowledged; the number of rows seen.

        Raises:
            BrokerUnavailableError: some were not acknowledged; they are tried again in their order.
        """
        rows = await (await connection.execute(SELECT, {"limit": self._batch})).fetchall()
        by_topic: dict[str, list[tuple[int, str, bytes]]] = {}
        for identifier, topic, key, value in rows:
            by_topic.setdefault(topic, []).append((identifier, key, value.encode()))
        for topic, entries in by_topic.items():
            results = await self._producer.send_many(topic, [(key, value) for _, key, value in entries])
            sent = [entry[0] for entry, failure in zip(entries, results, strict=True) if failure is None]
            await connection.execute(MARK, {"ids": sent})
            for failure in results:
                if failure is not None:
                    raise failure
        self.beat()
        return len(rows)

    async def _has_lock(self, connection: psycopg.AsyncConnection) -> bool:
        row = await (await connection.execute(f"SELECT pg_try_advisory_lock({LOCK})")).fetchone()
        return bool(row and row[0])

    async def _wait(self, connection: psycopg.AsyncConnection, stop: asyncio.Event) -> None:
        """Until a notification, the poll's end or `stop`, whichever is first."""

        async def notified() -> None:
            async for _ in connection.notifies(timeout=self._poll, stop_after=1):
                pass

        waits = {asyncio.create_task(notified()), asyncio.create_task(stop.wait())}
        _, late = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in late:
            task.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
