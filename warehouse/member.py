"""Lands assigned partitions: claims, fetches, decodes and writes them.

Fetching and decoding one batch overlaps with writing the previous one; at most these two are in memory. It waits for an
unavailable warehouse or broker. Offsets are stored in the warehouse, in the transaction of their rows, so that a batch
lands completely and once, whatever dies.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Mapping
from itertools import chain

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from services.contracts.consumers import close
from services.contracts.topics import TOPICS
from warehouse import broker
from warehouse.batch import Batch
from warehouse.offsets import Claim, FencedError
from warehouse.progress import RETRY_SECONDS, Progress
from warehouse.reader import Reader
from warehouse.settings import LandingSettings
from warehouse.store import UnavailableError
from warehouse.writer import Writer

log = logging.getLogger(__name__)

WATCH_SECONDS = 5.0


class Member(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """One member of the landing group, or a lone process for all partitions; `run` until `stop`.

    A lone process does not join the group, which takes seconds. Fencing is its only protection, and it ends when it is
    fenced: then there are members that do the work.
    """

    def __init__(self, settings: LandingSettings, *, is_alone: bool = False) -> None:
        self._settings = settings
        self._is_alone = is_alone
        self._progress = Progress()
        self._writer = Writer(settings, self._progress)
        self._assigned: set[TopicPartition] | None = None
        self._is_sharing = False

    @property
    def is_alive(self) -> bool:
        """Whether there was recent progress."""
        return self._progress.is_alive

    def stop(self) -> None:
        """Finish the current batch, then end `run`."""
        self._progress.stop()

    async def run(self) -> None:
        """Land until stopped; rejoin the group after any broker error."""
        try:
            while not self._progress.is_stopping:
                try:
                    await self._session()
                except FencedError:  # only of the lone process
                    return
                except (KafkaError, OSError, UnavailableError) as error:
                    log.warning("restarting after %s: %s", type(error).__name__, error)
                    self._progress.beat()
                    await self._progress.pause(RETRY_SECONDS / 4)
        finally:
            self._writer.close()

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
        reader = Reader(consumer)
        self._assigned = None
        watching: asyncio.Task[None] | None = None
        try:
            async with self._settings.explained():
                await consumer.start()
            watching = asyncio.create_task(self._watch(reader))  # one that has not started cannot be asked
            await self._wait_for_topics(consumer)
            if self._is_alone:
                self._assigned = await broker.all_partitions(self._settings)
                consumer.assign(self._assigned)
            else:
                consumer.subscribe(list(TOPICS), listener=self)
            while not self._progress.is_stopping:
                try:
                    await self._follow(reader)
                except FencedError as error:
                    if self._is_alone:
                        raise
                    await self._stand_back(consumer, error)
        finally:
            if watching is not None:
                watching.cancel()
            await close(consumer)

    async def _stand_back(self, consumer: AIOKafkaConsumer, error: FencedError) -> None:
        """Wait for the next heartbeats: if we are still a group member, another process took our share; claim it again.

        If not (we were the zombie), the group has started to rebalance, and assigns our partitions afterwards.
        """
        log.warning("dropped a batch, fenced: %s", error)
        await self._progress.pause(self._settings.landing_session_ms / 1000 / 4)
        if self._assigned is None and not self._is_sharing:
            self._assigned = set(consumer.assignment())

    async def _wait_for_topics(self, consumer: AIOKafkaConsumer) -> None:
        """Never request a missing topic: some brokers create it, with their own partition count."""
        while (missing := set(TOPICS) - await consumer.topics()) and not self._progress.is_stopping:
            log.info("waiting for topics: %s", ", ".join(sorted(missing)))
            self._progress.beat()
            await self._progress.pause(RETRY_SECONDS / 2)

    async def _follow(self, reader: Reader) -> None:
        writing: asyncio.Task[None] | None = None
        try:
            while not self._progress.is_stopping:
                if self._assigned is not None:
                    await _settled(writing)
                    writing = None
                    await self._claim(reader)
                elif writing is not None and writing.done():
                    await writing
                    writing = None
                fetched = await reader.fetch(self._writer.batch_records)
                reached = await broker.positions(reader.consumer) if self._assigned is None else {}
                if self._assigned is not None:  # during the fetch: its messages are not claimed
                    continue
                if shrunken := reader.shrunken(fetched):
                    await _settled(writing)
                    writing = None
                    await self._restart(reader, shrunken)
                elif spans := reader.spans(fetched, reached):
                    batch = Batch.of(list(chain.from_iterable(fetched.values())), spans)
                    if writing is not None:
                        await writing
                    writing = asyncio.create_task(self._writer.write(batch))
                self._writer.observe_lag(broker.known_ends(reader.consumer))
                if writing is None:
                    self._progress.beat()
        finally:
            await _settled(writing)

    async def _claim(self, reader: Reader) -> None:
        assigned, self._assigned = self._assigned or set(), None
        claims = await self._writer.claim(assigned, await reader.identify_logs())
        if self._assigned is None:  # not reassigned meanwhile
            reader.begin(claims)
            log.info("claimed %d partitions", len(assigned))

    async def _restart(self, reader: Reader, shrunken: Mapping[TopicPartition, Claim]) -> None:
        if await reader.has_other_logs():
            self._assigned = set(reader.claims)
            return
        ends = await reader.consumer.end_offsets(list(shrunken))  # a new leader may report too low an end
        confirmed = {part: claim for part, claim in shrunken.items() if ends[part] < claim.next_offset}
        reader.restart(await self._writer.restart(confirmed))

    async def _watch(self, reader: Reader) -> None:
        """Request what no fetch reports: a topic that was recreated, and ends of logs while a write waits."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            with contextlib.suppress(KafkaError, OSError):
                has_other_logs = bool(reader.claims) and await reader.has_other_logs()
                if has_other_logs and self._assigned is None and not self._is_sharing:
                    self._assigned = set(reader.consumer.assignment())
                self._writer.observe_lag(await reader.consumer.end_offsets(self._writer.partitions))


async def _settled(writing: asyncio.Task[None] | None) -> None:
    """Wait for a write whose outcome no longer matters: uncommitted messages will be fetched again."""
    if writing is not None:
        with contextlib.suppress(FencedError, UnavailableError):
            await writing
