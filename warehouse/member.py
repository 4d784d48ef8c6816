"""Lands assigned partitions: claims, fetches, decodes and writes them.

Fetching and decoding one batch overlaps with writing the previous one; at most these two are in memory. It waits for an
unavailable warehouse or broker. Offsets are stored in the warehouse, in the transaction of their rows, so that a batch
lands completely and once, whatever dies.
"""

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import chain
from typing import ParamSpec, TypeVar

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError

from services.contracts.topics import TOPICS
from warehouse import broker, metrics
from warehouse.batch import Batch
from warehouse.offsets import Claim, FencedError, Span
from warehouse.settings import LandingSettings
from warehouse.store import Store, TooSlowError, UnavailableError

log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")

BATCH_RECORDS = 10_000
POLL_MS = 250
WATCH_SECONDS = 5.0
RETRY_SECONDS = 2.0
"""The longest pause between two attempts to reach an unavailable part."""
STALLED_AFTER = 60.0
"""Longer than any normal step; then `/health/live` fails, and the process should be restarted."""


class Member(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """One member of the landing group, or a lone process for all partitions; `run` until `stop`.

    A lone process does not join the group, which takes seconds. Fencing is its only protection, and it ends when it is
    fenced: then there are members that do the work.
    """

    def __init__(self, settings: LandingSettings, *, is_alone: bool = False) -> None:
        self._settings = settings
        self._is_alone = is_alone
        self._store = Store(settings.warehouse_loader_url, session_seconds=settings.landing_session_ms / 1000)
        self._owner = uuid.uuid4()
        self._claims: dict[TopicPartition, Claim] = {}
        self._landed: dict[TopicPartition, int] = {}
        self._log_ids: dict[str, str] = {}
        self._starts: dict[TopicPartition, int] = {}
        """Where logs begin that did not have the offset we asked for."""
        self._assigned: set[TopicPartition] | None = None
        self._is_sharing = False
        self._batch_records = BATCH_RECORDS
        self._stopping = asyncio.Event()
        self._heard_at = time.monotonic()

    @property
    def is_alive(self) -> bool:
        """Whether there was recent progress: a fetch with no write outstanding, a write, or an outage of a part."""
        return time.monotonic() - self._heard_at < STALLED_AFTER

    def _beat(self) -> None:
        self._heard_at = time.monotonic()

    def stop(self) -> None:
        """Finish the current batch, then end `run`."""
        self._stopping.set()

    async def run(self) -> None:
        """Land until stopped; rejoin the group after any broker error."""
        try:
            while not self._stopping.is_set():
                try:
                    await self._session()
                except FencedError:  # only of the lone process
                    return
                except (KafkaError, OSError, UnavailableError) as error:
                    log.warning("restarting after %s: %s", type(error).__name__, error)
                    self._beat()
                    await self._pause(RETRY_SECONDS / 4)
        finally:
            self._store.close()

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """The group rebalances; a batch in progress is committed, or fenced by the next owner's claim."""
        del revoked
        self._is_sharing = True

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Remember the partitions to claim before the next fetch."""
        self._assigned = set(assigned)
        self._is_sharing = False

    async def _session(self) -> None:
        consumer = broker.new_consumer(self._settings, group=None if self._is_alone else self._settings.landing_group)
        self._assigned = None
        watching = asyncio.create_task(self._watch(consumer))
        try:
            async with self._settings.explained():
                await consumer.start()
            await self._wait_for_topics(consumer)
            if self._is_alone:
                self._assigned = await broker.all_partitions(self._settings)
                consumer.assign(self._assigned)
            else:
                consumer.subscribe(list(TOPICS), listener=self)
            while not self._stopping.is_set():
                try:
                    await self._follow(consumer)
                except FencedError as error:
                    if self._is_alone:
                        raise
                    await self._stand_back(consumer, error)
        finally:
            watching.cancel()
            await consumer.stop()

    async def _stand_back(self, consumer: AIOKafkaConsumer, error: FencedError) -> None:
        """Wait for the next heartbeats: if we are still a group member, another process took our share; claim it again.

        If not (we were the zombie), the group has started to rebalance, and assigns our partitions afterwards.
        """
        log.warning("dropped a batch, fenced: %s", error)
        await self._pause(self._settings.landing_session_ms / 1000 / 4)
        if self._assigned is None and not self._is_sharing:
            self._assigned = set(consumer.assignment())

    async def _wait_for_topics(self, consumer: AIOKafkaConsumer) -> None:
        """Never request a missing topic: some brokers create it, with their own partition count."""
        while (missing := set(TOPICS) - await consumer.topics()) and not self._stopping.is_set():
            log.info("waiting for topics: %s", ", ".join(sorted(missing)))
            self._beat()
            await self._pause(RETRY_SECONDS / 2)

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        writing: asyncio.Task[None] | None = None
        try:
            while not self._stopping.is_set():
                if self._assigned is not None:
                    await _settled(writing)
                    writing = None
                    await self._claim(consumer)
                elif writing is not None and writing.done():
                    await writing
                    writing = None
                fetched = await self._fetch(consumer)
                reached = await broker.positions(consumer) if self._assigned is None else {}
                if self._assigned is not None:  # during the fetch: its messages are not claimed
                    continue
                if shrunken := self._shrunken(consumer, fetched):
                    await _settled(writing)
                    writing = None
                    await self._restart(consumer, shrunken)
                elif spans := self._spans(fetched, reached):
                    batch = Batch.of(list(chain.from_iterable(fetched.values())), spans)
                    if writing is not None:
                        await writing
                    writing = asyncio.create_task(self._write(batch))
                self._observe_lag(broker.known_ends(consumer))
                if writing is None:
                    self._beat()
        finally:
            await _settled(writing)

    async def _claim(self, consumer: AIOKafkaConsumer) -> None:
        assigned, self._assigned = self._assigned or set(), None
        self._log_ids = await broker.log_ids(self._settings)
        self._starts.clear()
        known = self._claims
        metrics.LAG.clear()  # of partitions that now belong to another process
        self._claims = await self._patiently(self._store.claim, assigned, self._log_ids, self._owner)
        self._landed = {partition: claim.next_offset for partition, claim in self._claims.items()}
        if self._assigned is not None:  # reassigned meanwhile
            return
        for partition, claim in self._claims.items():
            if claim.restarts > known.get(partition, claim).restarts:
                log.warning("%s/%d: the log was recreated: reading it from the start", *partition)
            consumer.seek(partition, claim.next_offset)
        log.info("claimed %d partitions", len(assigned))

    async def _fetch(self, consumer: AIOKafkaConsumer) -> Mapping[TopicPartition, list[ConsumerRecord]]:
        """The next messages; none where a log lacks the next offset, and is read from its start from now on.

        Retention deleted it, or the log is another one.
        """
        try:
            fetched: dict[TopicPartition, list[ConsumerRecord]] = await consumer.getmany(
                timeout_ms=POLL_MS, max_records=self._batch_records
            )
        except NoOffsetForPartitionError:  # assigned, and not yet claimed
            return {}
        except OffsetOutOfRangeError as error:
            starts = await consumer.beginning_offsets(list(error.args[0]))
            for partition in starts.keys() & consumer.assignment():
                self._starts[partition] = starts[partition]
                consumer.seek(partition, starts[partition])
            return {}
        return fetched

    def _shrunken(
        self, consumer: AIOKafkaConsumer, fetched: Mapping[TopicPartition, list[ConsumerRecord]]
    ) -> dict[TopicPartition, Claim]:
        """The partitions whose log end or position is before what has landed, as reported by fetches."""
        return {
            partition: claim
            for partition, claim in self._claims.items()
            if (partition in fetched and fetched[partition][0].offset < claim.next_offset)
            or ((end := broker.log_end(consumer, partition)) is not None and end < claim.next_offset)
        }

    async def _restart(self, consumer: AIOKafkaConsumer, shrunken: Mapping[TopicPartition, Claim]) -> None:
        if await broker.log_ids(self._settings) != self._log_ids:  # it is another one
            self._assigned = set(self._claims)
            return
        ends = await consumer.end_offsets(list(shrunken))  # a new leader may report too low an end
        shrunken = {part: claim for part, claim in shrunken.items() if ends[part] < claim.next_offset}
        self._claims |= await self._patiently(self._store.restart, shrunken)
        self._landed |= dict.fromkeys(shrunken, 0)
        for partition in self._claims:
            if partition in shrunken:
                log.warning("%s/%d: the log is shorter than what landed: reading it from the start", *partition)
            consumer.seek(partition, self._claims[partition].next_offset)

    def _spans(
        self, fetched: Mapping[TopicPartition, list[ConsumerRecord]], reached: Mapping[TopicPartition, int]
    ) -> dict[TopicPartition, Span]:
        """The range of each partition that the fetch covers, even without messages.

        Compaction and transactions leave gaps. Only what lies before the log's start was lost.
        """
        spans = {}
        for partition, end in reached.items():
            claim, records = self._claims[partition], fetched.get(partition, [])
            if end <= claim.next_offset:
                continue
            first, start = records[0].offset if records else end, self._starts.pop(partition, 0)
            if lost := max(min(start, first) - claim.next_offset, 0):
                gap = (claim.next_offset, claim.next_offset + lost - 1)
                log.error("%s/%d: retention deleted offsets %d to %d before they landed", *partition, *gap)
            spans[partition] = Span(claim, end, len(records), lost)
            self._claims[partition] = replace(claim, next_offset=end)
        return spans

    async def _write(self, batch: Batch) -> None:
        waiting = [batch]
        while waiting:
            part = waiting.pop(0)
            try:
                with metrics.WRITE_SECONDS.time():
                    counts = await self._patiently(self._store.write, part)
            except TooSlowError as error:
                self._batch_records = max(len(part.records) // 2, 1)
                log.warning("the warehouse is slow: %d messages are too many for one transaction", len(part.records))
                self._beat()
                if self._stopping.is_set():
                    raise UnavailableError(str(error)) from error
                waiting[:0] = part.halves()
                continue
            self._batch_records = min(BATCH_RECORDS, self._batch_records + self._batch_records // 8 + 1)
            metrics.count(counts)
            self._landed |= {partition: span.end for partition, span in part.spans.items()}
            self._beat()

    async def _patiently(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call the warehouse in a thread, retrying while it is unavailable, unless stopping."""
        pause = RETRY_SECONDS / 16
        while True:
            try:
                return await asyncio.to_thread(call, *args, **kwargs)
            except UnavailableError as error:
                log.warning("the warehouse is unavailable: %s", error)
                self._beat()
                if self._stopping.is_set():
                    raise
            await self._pause(pause)
            pause = min(2 * pause, RETRY_SECONDS)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _watch(self, consumer: AIOKafkaConsumer) -> None:
        """Request what no fetch reports: a topic that was recreated, and ends of logs while a write waits."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            with contextlib.suppress(KafkaError, OSError):
                log_ids = await broker.log_ids(self._settings)
                if self._claims and log_ids != self._log_ids and self._assigned is None and not self._is_sharing:
                    self._assigned = set(consumer.assignment())
                self._observe_lag(await consumer.end_offsets(list(self._landed)))

    def _observe_lag(self, ends: Mapping[TopicPartition, int]) -> None:
        for partition in ends.keys() & self._landed.keys():
            lag = max(ends[partition] - self._landed[partition], 0)
            metrics.LAG.labels(partition.topic, partition.partition).set(lag)


async def _settled(writing: asyncio.Task[None] | None) -> None:
    """Wait for a write whose outcome no longer matters: uncommitted messages will be fetched again."""
    if writing is not None:
        with contextlib.suppress(FencedError, UnavailableError):
            await writing
