"""Publishes the outbox, in order per key, at least once; only one instance per database is active.

    build_app(..., workers=[Relay(settings.database_url, producer)])

It selects unpublished rows regardless of their id, because a transaction with a smaller id may commit later. It marks
them after the broker's acknowledgement, and is woken by NOTIFY, with polling as a fallback. A crash between publishing
and marking sends again; consumers de-duplicate by event id.

A key whose event is not acknowledged waits, with all its later events; other keys continue. An event that the broker
refuses for its content (too large, for example) is marked in the outbox with `refused_at` and `refusal`, and retried
every few minutes. `/health/live` and `tanawari_outbox_*` show what waits.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import LiteralString

import psycopg

from services.common.messaging.backlog import Backlog
from services.common.messaging.outbox import CHANNEL
from services.common.messaging.producer import MessageRefusedError, Producer, partition_of
from services.common.messaging.retention import Retention
from services.common.runtime.worker import FIRST_PAUSE, LONGEST_PAUSE, Worker, pause
from services.common.storage.database import CONNECT_SECONDS, OPTIONS
from services.contracts.topics import TOPICS

logger = logging.getLogger(__name__)

LOCK: LiteralString = "hashtextextended('services.common.messaging.relay', 0)"
SELECT: LiteralString = (
    "SELECT id, topic, key, value FROM outbox WHERE published_at IS NULL AND id > %(after)s ORDER BY id LIMIT %(limit)s"
)
OLDER: LiteralString = (
    "SELECT DISTINCT topic, key FROM outbox WHERE published_at IS NULL AND id <= %(after)s AND key = ANY(%(keys)s)"
)
MARK: LiteralString = "UPDATE outbox SET published_at = clock_timestamp() WHERE id = ANY(%(ids)s)"
REFUSE: LiteralString = "UPDATE outbox SET refused_at = clock_timestamp(), refusal = %(refusal)s WHERE id = %(id)s"
PATIENCE_SECONDS = 1.0
"""How long a round waits for the slowest partition; after that the partition continues separately."""
OutboxRow = tuple[int, str, str, str]
Key = tuple[str, str]


class Relay(Worker):
    """The relay of one database."""

    name = "relay"
    _backlog: Backlog
    _waiting: dict[Key, str]
    """The keys whose events wait for the next retry, and why."""
    _busy: set[Key]
    """The keys whose events are being sent."""
    _sending: set[asyncio.Task[None]]
    _after: int
    """The last row seen."""
    _has_seen_all: bool
    _again_at: float
    _pause: float
    _told: str

    def __init__(self, database_url: str, producer: Producer, *, batch: int = 5_000, poll: float = 1.0) -> None:
        super().__init__()
        self._database_url = database_url
        self._producer = producer
        self._batch = batch
        self._poll = poll
        self._retention = Retention()
        self._forget()

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until `stop`, then the rest; wait while another process holds the lock."""
        connection = await psycopg.AsyncConnection.connect(
            self._database_url, autocommit=True, connect_timeout=CONNECT_SECONDS, options=OPTIONS
        )
        async with connection:
            while not await self._has_lock(connection):
                self._backlog.clear()
                self.heartbeat()
                await pause(stop, self._poll)
                if stop.is_set():
                    return
            self._forget()
            await connection.execute(f"LISTEN {CHANNEL}")
            await connection.execute("SET synchronous_commit = off")  # an event whose mark a crash undoes is sent again
            await connection.execute("SET enable_seqscan = off")  # statistics of a full outbox outlive it for a while
            try:
                await self._publish(connection, stop)
            finally:
                for task in self._sending:
                    task.cancel()
                await asyncio.gather(*self._sending, return_exceptions=True)

    async def _publish(self, connection: psycopg.AsyncConnection, stop: asyncio.Event) -> None:
        while True:
            while await self.publish_batch(connection) == self._batch:
                pass
            if stop.is_set():
                if self._sending:
                    await asyncio.wait(self._sending)
                return
            await self._retention.sweep(connection)
            await self._wait(connection, stop)

    async def publish_batch(self, connection: psycopg.AsyncConnection) -> int:
        """Publish the oldest unpublished rows of keys that need not wait; the number of rows seen.

        Raises:
            Exception: the database is unavailable.
        """
        await self._backlog.observe(connection)
        if not (self._waiting or self._busy) or (self._has_seen_all and time.monotonic() >= self._again_at):
            self._begin_again()
        rows = await (await connection.execute(SELECT, {"after": self._after, "limit": self._batch})).fetchall()
        free = await self._free(connection, {(topic, key) for _, topic, key, _ in rows})
        groups: dict[tuple[str, int], list[OutboxRow]] = {}
        for row in rows:
            self._after, topic, key, _ = row
            if (topic, key) in free:
                groups.setdefault((topic, _group(topic, key)), []).append(row)
        self._has_seen_all = len(rows) < self._batch
        sending = set()
        for (topic, _), entries in groups.items():
            self._busy |= {(topic, key) for _, _, key, _ in entries}
            sending.add(asyncio.create_task(self._send(connection, topic, entries)))
        await self._settle(sending)
        self._tell()
        return len(rows)

    async def _free(self, connection: psycopg.AsyncConnection, keys: set[Key]) -> set[Key]:
        """The keys whose events need not wait for the broker, or for an earlier unpublished row of the same key.

        Such a row was committed late, or arrived while another of its key was being sent.
        """
        free = keys - self._waiting.keys() - self._busy
        if not self._after or not free:
            return free
        asked = {"after": self._after, "keys": list({key for _, key in free})}
        # a custom plan hashes these keys; a generic one compares each row with all of them
        return free - set(await (await connection.execute(OLDER, asked, prepare=False)).fetchall())

    async def _send(self, connection: psycopg.AsyncConnection, topic: str, rows: Sequence[OutboxRow]) -> None:
        """Send rows of one topic, mark acknowledged ones, and make the keys of the rest wait."""
        results = await self._producer.send_many(topic, [(key, value.encode()) for _, _, key, value in rows])
        sent = [row[0] for row, failure in zip(rows, results, strict=True) if failure is None]
        await connection.execute(MARK, {"ids": sent})
        for (identifier, _, key, _), failure in zip(rows, results, strict=True):
            if failure is not None:
                self._waiting.setdefault((topic, key), str(failure))
            if isinstance(failure, MessageRefusedError):
                self._backlog.refused[topic, key] = str(failure)
                logger.error("%s of key %s is refused and set aside: %s", topic, key, failure)
                await connection.execute(REFUSE, {"refusal": str(failure), "id": identifier})
        self._busy -= {(topic, key) for _, _, key, _ in rows}

    async def _settle(self, begun: set[asyncio.Task[None]]) -> None:
        """Wait for the sends of this round, but not for the slowest."""
        self._sending |= begun
        if begun:
            await asyncio.wait(begun, timeout=PATIENCE_SECONDS)
        done = {task for task in self._sending if task.done()}
        self._sending -= done
        for task in done:
            task.result()

    def _forget(self) -> None:
        """Reset all state."""
        self._backlog = Backlog()
        self._waiting, self._busy, self._sending = {}, set(), set()
        self._after, self._has_seen_all = 0, False
        self._again_at, self._pause = 0.0, FIRST_PAUSE
        self._told = ""

    def _begin_again(self) -> None:
        """Start again at the oldest row; only the keys of refused events keep waiting."""
        self._pause = min(2 * self._pause, LONGEST_PAUSE) if self._waiting else FIRST_PAUSE
        self._after, self._again_at = 0, time.monotonic() + self._pause
        self._waiting = dict(self._backlog.refused)

    def _tell(self) -> None:
        """Report progress, or what waits."""
        if not self._waiting:
            self.heartbeat()
            self._told = ""
            return
        (topic, _), reason = next(iter(self._waiting.items()))
        cause = f"{topic}: {reason}"
        if cause != self._told:
            logger.warning("events wait in the outbox: %s", cause)
        self._told = cause
        self.report_blocked(f"{len(self._waiting)} keys wait, {cause}")

    async def _has_lock(self, connection: psycopg.AsyncConnection) -> bool:
        row = await (await connection.execute(f"SELECT pg_try_advisory_lock({LOCK})")).fetchone()
        return bool(row and row[0])

    async def _wait(self, connection: psycopg.AsyncConnection, stop: asyncio.Event) -> None:
        """Wait for a notification, the poll interval or `stop`, whichever is first."""

        async def notified() -> None:
            async for _ in connection.notifies(timeout=self._poll, stop_after=1):
                pass

        waits = {asyncio.create_task(notified()), asyncio.create_task(stop.wait())}
        _, late = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in late:
            task.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


def _group(topic: str, key: str) -> int:
    """Group keys by partition, so that a slow partition delays only itself."""
    declared = TOPICS.get(topic)
    return partition_of(key, declared.partitions) if declared else 0
