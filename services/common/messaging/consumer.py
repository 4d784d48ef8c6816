"""Consumes topics at least once and handles each event once: a batch's effect and inbox entries are one transaction.

    async def record_actions(session: AsyncSession, messages: Sequence[Message]) -> None: ...

    Consumer(settings, topics=["user-actions.v1"], database=database, producer=producer, handle=record_actions)

With `event_types`, others are passed over, and leave nothing in the inbox: for a few events of a large topic.

An event of an unknown type is counted and skipped: its producer is newer. Any other message that cannot be read or
handled goes to `dead-letters.v1` with its position and bytes, and the partition moves on: a batch that fails or takes
too long is split in halves, down to the messages at fault. When the database or the broker is unavailable, or a table
is locked, there are no dead letters and the batch is retried.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from prometheus_client import Counter, Gauge
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.messaging import inbox
from services.common.messaging.broker import LogWatch, cluster_id, has_unread, lag, positions, watching
from services.common.messaging.messages import Message, dead_letter, read
from services.common.messaging.offsets import Offsets
from services.common.messaging.producer import Producer, is_too_large
from services.common.runtime.outages import is_unavailable
from services.common.runtime.settings import ServiceSettings
from services.common.runtime.telemetry import continued
from services.common.runtime.worker import Worker, pause
from services.common.storage.database import Database
from services.contracts.consumers import close
from services.contracts.registry import UNKNOWN_TYPE

logger = logging.getLogger(__name__)

LAG = Gauge("tanawari_consumer_lag", "Messages not handled yet.", ["consumer", "topic", "partition"])
AGE = Gauge("tanawari_consumer_oldest_seconds", "Age of the oldest message that is being handled.", ["consumer"])
Handle = Callable[[AsyncSession, Sequence[Message]], Awaitable[None]]
DEAD_LETTERS = "dead-letters.v1"
RETRY_SECONDS = 1.0
UNKNOWN = Counter("tanawari_events_unknown", "Events of a type that this release does not know.", ["consumer", "topic"])
STATEMENT_SECONDS = 20.0
"""Time limit for a handler's statement; well below the time after which a worker counts as stalled."""
_LIMITS = text(
    "SELECT set_config('statement_timeout', :statement, true), set_config('lock_timeout', :lock, true)"
)  # waiting for a lock must be distinguished from a slow statement


class Consumer(Worker):
    """One member of the service's consumer group."""

    def __init__(  # noqa: PLR0913 - what a member is made of
        self,
        settings: ServiceSettings,
        *,
        topics: Sequence[str],
        database: Database,
        producer: Producer,
        handle: Handle,
        name: str = "consumer",
        batch: int = 5_000,
        event_types: Collection[str] | None = None,
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
        self._event_types = event_types
        self._logs: dict[str, str] = {}
        self._observed: set[TopicPartition] = set()
        self._oldest_at: float | None = None
        milliseconds = int(STATEMENT_SECONDS * 1000)
        self._limits = {"statement": str(milliseconds), "lock": str(milliseconds // 4)}

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop`; the next member fetches unhandled messages again."""
        cluster = await cluster_id(self._settings)
        client = AIOKafkaConsumer(
            *self._topics,
            **self._settings.client_arguments(),
            client_id=self._settings.service,
            group_id=f"{self._group}.{cluster}",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            metadata_max_age_ms=5_000,
            session_timeout_ms=6_000,
            heartbeat_interval_ms=1_000,
        )
        try:
            await client.start()
            async with watching(client, self._topics, cluster=cluster) as watch:
                await self._consume(client, watch, stop)
        finally:
            await close(client)

    async def _consume(self, client: AIOKafkaConsumer, watch: LogWatch, stop: asyncio.Event) -> None:
        offsets = Offsets(client, watch, self._logs)
        known: dict[TopicPartition, int] = {}
        while not stop.is_set():
            fetched = await client.getmany(timeout_ms=500, max_records=self._batch)
            watch.check()
            if not offsets.are_placed:
                await offsets.place()
                continue
            records = [record for part in fetched.values() for record in part]
            await self._observe(client, fetched)
            if records and not await self._handle_until_done(records, stop):
                break
            self._oldest_at = None
            reached = await positions(client)
            if records or any(end > known.get(part, end) for part, end in reached.items()):  # markers only
                await offsets.commit(reached)
            known = reached
            if fetched or not has_unread(client, reached):
                self.heartbeat()

    async def _observe(
        self, client: AIOKafkaConsumer, fetched: Mapping[TopicPartition, Sequence[ConsumerRecord]]
    ) -> None:
        """Report the unhandled messages of each partition, and their age."""
        handled = {
            part: fetched[part][0].offset if part in fetched else at for part, at in (await positions(client)).items()
        }
        lags = lag(client, handled)
        for part in self._observed - lags.keys():
            LAG.remove(self._group, *part)
        for part, messages in lags.items():
            LAG.labels(self._group, *part).set(messages)
        self._observed = set(lags)
        self._oldest_at = min((part[0].timestamp / 1000 for part in fetched.values()), default=None)
        AGE.labels(self._group).set_function(self._age)

    def _age(self) -> float:
        return 0.0 if self._oldest_at is None else max(time.time() - self._oldest_at, 0.0)

    async def _handle_until_done(self, records: Sequence[ConsumerRecord], stop: asyncio.Event) -> bool:
        """Handle records, waiting for unavailable parts; False if stopped first."""
        while not stop.is_set():
            try:
                await self.handle_records(records)
            except Exception as error:
                if not is_unavailable(error):
                    raise
                logger.warning("%s waits: %s", self.name, _kind(error))
                self.report_blocked(_kind(error))
                await pause(stop, RETRY_SECONDS)
            else:
                return True
        return False

    async def handle_records(self, records: Sequence[ConsumerRecord]) -> None:
        """Handle one batch: readable records in one transaction, or in smaller parts if that fails.

        Raises:
            Exception: something is unavailable; nothing of the failed transaction remains.
        """
        messages = []
        for record in records:
            message, refusal = read(record)
            if message is not None:
                if self._event_types is None or message.event_type in self._event_types:
                    messages.append(message)
            elif refusal[0] == UNKNOWN_TYPE:
                UNKNOWN.labels(self._group, record.topic).inc()
            else:
                await self._give_up(record, *refusal)
        if messages:
            parents = dict.fromkeys(message.traceparent for message in messages if message.traceparent)
            with continued(self._settings, f"process {self._group}", parents):
                await self._handle_in_parts(messages)

    async def _handle_in_parts(self, messages: Sequence[Message]) -> None:
        """Handle messages together; on failure each half, so that those at fault are found in few steps."""
        try:
            await self._handle_together(messages)
        except Exception as error:
            if is_unavailable(error):
                raise
            self.heartbeat()  # the halving ends
            if len(messages) == 1:
                await self._give_up(messages[0].record, "HANDLER_FAILED", _kind(error))
                return
            logger.warning("%s: a batch of %d messages failed, splitting it", self.name, len(messages), exc_info=error)
            middle = len(messages) // 2
            await self._handle_in_parts(messages[:middle])
            await self._handle_in_parts(messages[middle:])
        else:
            self.heartbeat()

    async def _handle_together(self, messages: Sequence[Message]) -> None:
        firsts: dict[str, Message] = {}
        for message in messages:
            firsts.setdefault(message.event_id, message)
        async with self._database.sessions.begin() as session:
            await session.execute(_LIMITS, self._limits)
            handled = await inbox.claim(session, self._group, firsts)
            todo = [message for key, message in firsts.items() if key not in handled]
            if todo:
                await self._handle(session, todo)

    async def _give_up(self, record: ConsumerRecord, reason: str, detail: str) -> None:
        logger.warning(
            "%s writes a dead letter for %s/%s/%s: %s", self.name, record.topic, record.partition, record.offset, reason
        )
        letter, key = dead_letter(record, consumer=self._group, reason=reason, detail=detail)
        if is_too_large(DEAD_LETTERS, key, letter):  # what was compressed may be larger than any topic takes
            detail = f"too large to be kept here: {len(record.value or b''):,} bytes; {detail}"
            letter, key = dead_letter(record, consumer=self._group, reason=reason, detail=detail, has_bytes=False)
        await self._producer.send(DEAD_LETTERS, key, letter)
        self.heartbeat()  # thousands of them take minutes


def _kind(error: BaseException) -> str:
    """An error's name; for database errors the name used by Postgres."""
    return type(getattr(error, "orig", None) or error).__name__
