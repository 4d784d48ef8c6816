"""Follows topics in memory: every process reads every message from a given time, without a group or a database.

    follower = Follower(settings, topics=["user-actions.v1"], handle=live.apply)   # handle(records), sync and quick
    build_app(..., workers=[follower])
    follower.has_caught_up      # whether everything of a few seconds ago has been read
    follower.starts             # number of starts: after each one, load what the log no longer has

Records may come twice (a topic was created again, the embedded broker was restarted), so `handle` must be idempotent.
It gets raw records, so that years of history cost only the fields it needs, and skips what it cannot read: landing
writes the dead letters.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from math import inf

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from services.common.messaging.broker import LogWatch, has_unread, partitions_of, positions, watching
from services.common.runtime.settings import ServiceSettings
from services.common.runtime.worker import Worker, pause
from services.contracts.consumers import close

logger = logging.getLogger(__name__)

Handle = Callable[[Sequence[ConsumerRecord]], None]
FETCH_WAIT_MS = 40
"""Maximum wait of an empty fetch; the embedded broker sleeps half of it, even if messages arrive."""
TURN = 250
"""Records handled before control returns to the event loop."""
LAG_SECONDS = 5.0
QUIET_SECONDS = 5.0
NAP_SECONDS = 0.2
"""How long nothing is fetched at a time, after so long without messages: short waits are a load for all."""


class Follower(Worker):
    """Reads all partitions of its topics, then new messages.

    Args:
        settings: which broker.
        topics: the topics, followed once all of them exist.
        handle: receives records in small batches.
        since: the start, in seconds since 1970 UTC; following restarts when it moves to an earlier time.
        batch: maximum number of records per fetch.
        wait_ms: maximum wait of an empty fetch; the embedded broker sleeps half of it, even if messages arrive.
        name: in logs and health.
    """

    def __init__(
        self,
        settings: ServiceSettings,
        *,
        topics: Sequence[str],
        handle: Handle,
        since: Callable[[], float] = lambda: 0.0,
        batch: int = 5_000,
        wait_ms: int = FETCH_WAIT_MS,
        name: str = "follower",
    ) -> None:
        super().__init__()
        self.name = name
        self._wait_ms = wait_ms
        self._settings = settings
        self._topics = topics
        self._handle = handle
        self._since = since
        self._batch = batch
        self._read_up_to = -inf
        self.starts = 0

    @property
    def has_caught_up(self) -> bool:
        """Whether everything of a few seconds ago has been read."""
        return time.monotonic() - self._read_up_to < LAG_SECONDS

    async def run(self, stop: asyncio.Event) -> None:
        """Follow until `stop`; after the log was recreated, catch up again."""
        self._read_up_to = -inf
        client = AIOKafkaConsumer(
            **self._settings.client_arguments(),
            client_id=self._settings.service,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",  # if retention deleted unread records, start again instead of continuing silently
            isolation_level="read_committed",
            metadata_max_age_ms=5_000,
            fetch_max_wait_ms=self._wait_ms,
        )
        try:
            async with self._settings.explained():
                await client.start()
            partitions, since = await self._partitions(stop), self._since()
            async with watching(client, self._topics) as watch:
                await watch.identify()
                await _begin(client, partitions, since)
                self.starts += 1
                await self._follow(client, partitions, watch, stop, since)
        finally:
            await close(client)

    async def _follow(
        self,
        client: AIOKafkaConsumer,
        partitions: Collection[TopicPartition],
        watch: LogWatch,
        stop: asyncio.Event,
        since: float,
    ) -> None:
        goal, heard_at = _Goal(client, partitions), time.monotonic()
        while not stop.is_set() and self._since() >= since:
            is_quiet = time.monotonic() - heard_at > QUIET_SECONDS
            if is_quiet:
                client.pause(*partitions)
                await pause(stop, NAP_SECONDS)
                client.resume(*partitions)
            fetched = await client.getmany(timeout_ms=self._wait_ms if is_quiet else 200, max_records=self._batch)
            if fetched:
                heard_at = time.monotonic()
            watch.check()
            await self._take([record for part in fetched.values() for record in part])
            reached = await positions(client)
            if goal.is_reached(reached):
                self._read_up_to, goal = goal.set_at, _Goal(client, partitions)
            if fetched or not has_unread(client, reached):
                self.heartbeat()

    async def _take(self, records: Sequence[ConsumerRecord]) -> None:
        for start in range(0, len(records), TURN):
            self._handle(records[start : start + TURN])
            await asyncio.sleep(0)

    async def _partitions(self, stop: asyncio.Event) -> list[TopicPartition]:
        """All partitions, once every topic exists."""
        while not stop.is_set():
            partitions = await partitions_of(self._settings, self._topics)
            if {partition.topic for partition in partitions} == set(self._topics):
                return partitions
            self.report_blocked("the topics do not exist yet")
            await pause(stop, 1.0)
        return []


async def _begin(client: AIOKafkaConsumer, partitions: Collection[TopicPartition], since: float) -> None:
    """Seek to the first record at or after a time.

    The embedded broker has no time index and may not know its end offsets: it returns an earlier offset, never a later
    one. Apache Kafka returns none if no record is that late; then the end offset, requested first, is used.
    """
    ends = await client.end_offsets(partitions)
    found = await client.offsets_for_times(dict.fromkeys(partitions, int(since * 1000)))
    client.assign(partitions)
    for partition in partitions:
        late = found[partition]
        client.seek(partition, ends[partition] if late is None else late.offset)


class _Goal:
    """The end of every partition at a given moment, as reported by its next fetch.

    A pause in the records proves nothing: steady traffic has none, and one may occur between two fetches. Nor does an
    earlier fetch: a partition whose broker hangs would count as caught up forever.
    """

    def __init__(self, client: AIOKafkaConsumer, partitions: Collection[TopicPartition]) -> None:
        self._client = client
        self._fetched_at = {partition: client.last_poll_timestamp(partition) for partition in partitions}
        self._ends: dict[TopicPartition, int] = {}
        self.set_at = time.monotonic()

    def is_reached(self, reached: Mapping[TopicPartition, int]) -> bool:
        """Whether every partition was read up to that end."""
        for partition in self._fetched_at.keys() - self._ends.keys():
            end = self._client.last_stable_offset(partition)
            if end is not None and self._client.last_poll_timestamp(partition) != self._fetched_at[partition]:
                self._ends[partition] = end
        return all(partition in self._ends and reached[partition] >= self._ends[partition] for partition in reached)
