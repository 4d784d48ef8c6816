"""Lands what it is assigned: claims partitions, fetches, decodes, writes.

Fetching and decoding one batch overlaps with writing the one before; no more than these two are ever in memory. A dead
warehouse or broker is waited for. Offsets live in the warehouse, in the transaction of the rows they stand for, so
that a batch is there wholly and once, whatever dies when.
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
from aiokafka.errors import KafkaError

from services.contracts.topics import TOPICS
from warehouse import broker, metrics
from warehouse.batch import Batch
from warehouse.offsets import Claim, FencedError, Span
from warehouse.settings import LandingSettings
from warehouse.store import AwayError, Store, TooSlowError

log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")

BATCH_RECORDS = 10_000
POLL_MS = 250
LAG_SECONDS = 5.0
RETRY_SECONDS = 2.0
"""The longest pause between two attempts to reach what is down."""
STALLED_AFTER = 60.0
"""Longer than anything takes that goes on; then `/health/live` fails, and the process is to be started again."""


class Member(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """One member of the landing group, or a lone lander of all partitions; `run` until `stop`.

    A lone one saves joining the group, which takes seconds. It needs no other protection than the fence, and ends when
    it meets it: then there are members to leave the work to.
    """

    def __init__(self, settings: LandingSettings, *, is_alone: bool = False) -> None:
        self._settings = settings
        self._is_alone = is_alone
        self._store = Store(settings.warehouse_loader_url, session_seconds=settings.landing_session_ms / 1000)
        self._owner = uuid.uuid4()
        self._claims: dict[TopicPartition, Claim] = {}
        self._landed: dict[TopicPartition, int] = {}
        self._log_id = ""
        self._assigned: set[TopicPartition] | None = None
        self._is_sharing = False
        self._batch_records = BATCH_RECORDS
        self._stopping = asyncio.Event()
        self._heard_at = time.monotonic()

    @property
    def is_alive(self) -> bool:
        """Whether it went on lately: fetched with no write outstanding, landed something, or met what is away."""
        return time.monotonic() - self._heard_at < STALLED_AFTER

    def _beat(self) -> None:
        self._heard_at = time.monotonic()

    def stop(self) -> None:
        """Finish the batch at hand, then end `run`."""
        self._stopping.set()

    async def run(self) -> None:
        """Land until stopped; join the group again after whatever the broker throws."""
        try:
            while not self._stopping.is_set():
                try:
                    await self._session()
                except FencedError:  # the lone one's only
                    return
                except (KafkaError, OSError, AwayError) as error:
                    log.warning("restarting after %s: %s", type(error).__name__, error)
                    self._beat()
                    await self._pause(RETRY_SECONDS / 4)
        finally:
            self._store.close()

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """The group shares anew; a batch that is on its way is committed, or fenced by the next owner's claim."""
        del revoked
        self._is_sharing = True

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Remember what is to be claimed before the next fetch."""
        self._assigned = set(assigned)
        self._is_sharing = False

    async def _session(self) -> None:
        consumer = broker.new_consumer(self._settings, group=None if self._is_alone else self._settings.landing_group)
        self._assigned = None
        watching = asyncio.create_task(self._watch_lag(consumer))
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
        """Wait for the next heartbeats: if the group still counts on us, we were robbed, and claim our share anew.

        If it does not (we were the zombie), it has begun to share anew, and tells us what is ours when that is done.
        """
        log.warning("dropped a batch, fenced: %s", error)
        await self._pause(self._settings.landing_session_ms / 1000 / 4)
        if self._assigned is None and not self._is_sharing:
            self._assigned = set(consumer.assignment())

    async def _wait_for_topics(self, consumer: AIOKafkaConsumer) -> None:
        """Never ask for a topic that is not there: some brokers would make it, with partitions of their choice."""
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
                fetched = await consumer.getmany(timeout_ms=POLL_MS, max_records=self._batch_records)
                reached = await broker.positions(consumer)
                if self._assigned is not None:  # during the fetch: what it brought is not claimed
                    continue
                if shrunken := self._shrunken(consumer, fetched):
                    await _settled(writing)
                    writing = None
                    await self._restart(consumer, shrunken)
                elif spans := await self._spans(consumer, fetched, reached):
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
        self._log_id = await broker.cluster_id(self._settings)
        known = self._claims
        metrics.LAG.clear()  # of partitions that are another's now
        self._claims = await self._patiently(self._store.claim, assigned, self._log_id, self._owner)
        self._landed = {partition: claim.next_offset for partition, claim in self._claims.items()}
        if self._assigned is not None:  # assigned anew in the meantime
            return
        for partition, claim in self._claims.items():
            if claim.restarts > known.get(partition, claim).restarts:
                log.warning("%s/%d: the broker's log was recreated: reading it from the start", *partition)
            consumer.seek(partition, claim.next_offset)
        log.info("claimed %d partitions of log %s", len(assigned), self._log_id)

    def _shrunken(
        self, consumer: AIOKafkaConsumer, fetched: Mapping[TopicPartition, list[ConsumerRecord]]
    ) -> dict[TopicPartition, Claim]:
        """The partitions whose log ends, or was read, before what has been landed from it, as far as fetches tell."""
        return {
            partition: claim
            for partition, claim in self._claims.items()
            if (partition in fetched and fetched[partition][0].offset < claim.next_offset)
            or ((end := broker.log_end(consumer, partition)) is not None and end < claim.next_offset)
        }

    async def _restart(self, consumer: AIOKafkaConsumer, shrunken: Mapping[TopicPartition, Claim]) -> None:
        if await broker.cluster_id(self._settings) != self._log_id:  # all of it is another log
            self._assigned = set(self._claims)
            return
        ends = await consumer.end_offsets(list(shrunken))  # a broker that has just taken over tells a fetch too little
        shrunken = {part: claim for part, claim in shrunken.items() if ends[part] < claim.next_offset}
        self._claims |= await self._patiently(self._store.restart, shrunken)
        self._landed |= dict.fromkeys(shrunken, 0)
        for partition in self._claims:
            if partition in shrunken:
                log.warning("%s/%d: the log is shorter than what landed: reading it from the start", *partition)
            consumer.seek(partition, self._claims[partition].next_offset)

    async def _spans(
        self,
        consumer: AIOKafkaConsumer,
        fetched: Mapping[TopicPartition, list[ConsumerRecord]],
        reached: Mapping[TopicPartition, int],
    ) -> dict[TopicPartition, Span]:
        """What the fetch covers of each partition in which it went on, be it over no message at all."""
        spans = {}
        for partition, end in reached.items():
            claim, records = self._claims[partition], fetched.get(partition, [])
            if end <= claim.next_offset:
                continue
            first = records[0].offset if records else end
            lost = await _lost(consumer, partition, claim.next_offset) if first > claim.next_offset else 0
            spans[partition] = Span(claim, end, len(records), min(lost, first - claim.next_offset))
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
                    raise AwayError(str(error)) from error
                waiting[:0] = part.halves()
                continue
            self._batch_records = min(BATCH_RECORDS, self._batch_records + self._batch_records // 8 + 1)
            metrics.count(counts)
            self._landed |= {partition: span.end for partition, span in part.spans.items()}
            self._beat()

    async def _patiently(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Make a call to the warehouse in a thread, again and again while it is away, unless we are to stop."""
        pause = RETRY_SECONDS / 16
        while True:
            try:
                return await asyncio.to_thread(call, *args, **kwargs)
            except AwayError as error:
                log.warning("the warehouse is unavailable: %s", error)
                self._beat()
                if self._stopping.is_set():
                    raise
            await self._pause(pause)
            pause = min(2 * pause, RETRY_SECONDS)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _watch_lag(self, consumer: AIOKafkaConsumer) -> None:
        """Ask for the log's ends, which no fetch tells while a write waits for the warehouse."""
        while True:
            await asyncio.sleep(LAG_SECONDS)
            with contextlib.suppress(KafkaError, OSError):
                self._observe_lag(await consumer.end_offsets(list(self._landed)))

    def _observe_lag(self, ends: Mapping[TopicPartition, int]) -> None:
        for partition in ends.keys() & self._landed.keys():
            lag = max(ends[partition] - self._landed[partition], 0)
            metrics.LAG.labels(partition.topic, partition.partition).set(lag)


async def _settled(writing: asyncio.Task[None] | None) -> None:
    """Wait for a write whose outcome no longer matters here: what it did not commit will be fetched again."""
    if writing is not None:
        with contextlib.suppress(FencedError, AwayError):
            await writing


async def _lost(consumer: AIOKafkaConsumer, partition: TopicPartition, expected: int) -> int:
    """How many offsets retention deleted before they landed; transactions leave gaps as well."""
    start: int = (await consumer.beginning_offsets([partition]))[partition]
    if start > expected:
        log.error("%s/%d: retention deleted offsets %d to %d before they landed", *partition, expected, start - 1)
    return max(start - expected, 0)
