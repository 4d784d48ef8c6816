"""Consumes topics at least once and handles each event once: a batch's effect and inbox entries are one transaction.

    async def record_actions(session: AsyncSession, messages: Sequence[Message]) -> None: ...

    Consumer(settings, topics=["user-actions.v1"], database=database, producer=producer, handle=record_actions)

What cannot be read or handled goes to `dead-letters.v1` with its position and bytes, and the partition moves on; when
the database or the broker is away, nothing is given up and the batch is tried again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from sqlalchemy.ext.asyncio import AsyncSession

from services.common import inbox
from services.common.broker import LogWatch, has_unread, positions
from services.common.database import Database, is_away
from services.common.messages import Message, dead_letter, read
from services.common.producer import Producer
from services.common.settings import ServiceSettings
from services.common.worker import Worker, pause

logger = logging.getLogger(__name__)

Handle = Callable[[AsyncSession, Sequence[Message]], Awaitable[None]]
RETRY_SECONDS = 1.0


class Consumer(Worker):
    """One member of the service's consumer group."""

    def __init__(
        self,
        settings: ServiceSettings,
        *,
        topics: Sequence[str],
        database: Database,
        producer: Producer,
        handle: Handle,
        name: str = "consumer",
        batch: int = 5_000,
    ) -> None:
        super().__init__()
        self.name = name
        self._settings = settings
        self._group = f"{settings.service}.{name}"
        self._topics = topics
        self._database = database
        self._producer = producer
        self._handle = handle
        self._batch = batch

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop`; what was fetched and not handled is fetched again by the next member."""
        watch = await LogWatch.begin(self._settings.kafka_url)
        client = AIOKafkaConsumer(
            *self._topics,
            bootstrap_servers=self._settings.kafka_url,
            client_id=self._settings.service,
            group_id=f"{self._group}.{watch.log_id}",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            metadata_max_age_ms=5_000,
            session_timeout_ms=6_000,
            heartbeat_interval_ms=1_000,
        )
        try:
            await client.start()
            known: dict[TopicPartition, int] = {}
            while not stop.is_set():
                fetched = await client.getmany(timeout_ms=500, max_records=self._batch)
                await watch.check()
                records = [record for part in fetched.values() for record in part]
                if records and not await self._handle_until_done(records, stop):
                    break
                reached = await positions(client)
                if records or any(end > known.get(part, end) for part, end in reached.items()):  # over markers alone
                    await client.commit()
                known = reached
                if fetched or not has_unread(client, reached):
                    self.beat()
        finally:
            await client.stop()

    async def _handle_until_done(self, records: Sequence[ConsumerRecord], stop: asyncio.Event) -> bool:
        """Handle records, waiting for what is away; False if stopped before it was done."""
        while not stop.is_set():
            try:
                await self.handle_records(records)
            except Exception as error:
                if not is_away(error):
                    raise
                logger.warning("%s waits: %s", self.name, type(error).__name__)
                self.failure = f"waiting: {type(error).__name__}"
                await pause(stop, RETRY_SECONDS)
            else:
                return True
        return False

    async def handle_records(self, records: Sequence[ConsumerRecord]) -> None:
        """Handle one batch: readable records in one transaction, or each in its own if that fails.

        Raises:
            Exception: something is away for the moment; nothing of the failed transaction remains.
        """
        messages = []
        for record in records:
            message, refusal = read(record)
            if message is not None:
                messages.append(message)
            else:
                await self._give_up(record, *refusal)
        try:
            await self._handle_together(messages)
        except Exception as error:
            if is_away(error):
                raise
            logger.warning("%s: a batch failed, handling its messages one by one", self.name, exc_info=error)
            await self._handle_singly(messages)

    async def _handle_together(self, messages: Sequence[Message]) -> None:
        firsts: dict[str, Message] = {}
        for message in messages:
            firsts.setdefault(message.event_id, message)
        async with self._database.sessions.begin() as session:
            handled = await inbox.claim(session, self._group, firsts)
            todo = [message for key, message in firsts.items() if key not in handled]
            if todo:
                await self._handle(session, todo)

    async def _handle_singly(self, messages: Sequence[Message]) -> None:
        for message in messages:
            try:
                await self._handle_together([message])
            except Exception as error:
                if is_away(error):
                    raise
                await self._give_up(message.record, "HANDLER_FAILED", type(error).__name__)

    async def _give_up(self, record: ConsumerRecord, reason: str, detail: str) -> None:
        logger.warning("%s gives up %s/%s/%s: %s", self.name, record.topic, record.partition, record.offset, reason)
        letter, key = dead_letter(record, consumer=self._group, reason=reason, detail=detail)
        await self._producer.send("dead-letters.v1", key, letter)
