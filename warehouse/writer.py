"""Claims partitions and writes batches, retrying while the warehouse is unavailable, and halving what is too slow."""

import asyncio
import logging
import uuid
from collections.abc import Callable, Collection, Mapping
from typing import ParamSpec, TypeVar

from aiokafka import TopicPartition

from warehouse import metrics
from warehouse.batch import Batch
from warehouse.offsets import Claim
from warehouse.progress import RETRY_SECONDS, Progress
from warehouse.settings import LandingSettings
from warehouse.store import Store, TooSlowError, UnavailableError

log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")

BATCH_RECORDS = 10_000


class Writer:
    """The warehouse as one landing process sees it, and what it has committed there.

    Every method may raise `UnavailableError` once the process is stopping, and `FencedError`.
    """

    def __init__(self, settings: LandingSettings, progress: Progress) -> None:
        self._store = Store(settings.warehouse_loader_url, session_seconds=settings.landing_session_ms / 1000)
        self._progress = progress
        self._owner = uuid.uuid4()
        self._claims: dict[TopicPartition, Claim] = {}
        self._landed: dict[TopicPartition, int] = {}
        self.batch_records = BATCH_RECORDS
        """How many messages one transaction takes; less when the warehouse is slow."""

    def close(self) -> None:
        """Close the connection."""
        self._store.close()

    async def claim(
        self, partitions: Collection[TopicPartition], log_ids: Mapping[str, str]
    ) -> dict[TopicPartition, Claim]:
        """Take partitions over; the others are no longer ours."""
        metrics.LAG.clear()  # of partitions that now belong to another process
        known = self._claims
        self._claims = await self._patiently(self._store.claim, partitions, log_ids, self._owner)
        self._landed = {partition: claim.next_offset for partition, claim in self._claims.items()}
        for partition, claim in self._claims.items():
            if claim.restarts > known.get(partition, claim).restarts:
                log.warning("%s/%d: the log was recreated: reading it from the start", *partition)
        return self._claims

    async def restart(self, claims: Mapping[TopicPartition, Claim]) -> dict[TopicPartition, Claim]:
        """Restart partitions whose log is shorter than what landed."""
        restarted = await self._patiently(self._store.restart, claims)
        self._claims |= restarted
        self._landed |= dict.fromkeys(restarted, 0)
        for partition in restarted:
            log.warning("%s/%d: the log is shorter than what landed: reading it from the start", *partition)
        return restarted

    async def write(self, batch: Batch) -> None:
        """Write a batch, in as many transactions as it takes."""
        waiting = [batch]
        while waiting:
            part = waiting.pop(0)
            try:
                with metrics.WRITE_SECONDS.time():
                    counts = await self._patiently(self._store.write, part)
            except TooSlowError as error:
                self.batch_records = max(len(part.records) // 2, 1)
                log.warning("the warehouse is slow: %d messages are too many for one transaction", len(part.records))
                self._progress.beat()
                if self._progress.is_stopping:
                    raise UnavailableError(str(error)) from error
                waiting[:0] = part.halves()
                continue
            self.batch_records = min(BATCH_RECORDS, self.batch_records + self.batch_records // 8 + 1)
            metrics.count(counts)
            self._landed |= {partition: span.end for partition, span in part.spans.items()}
            self._progress.beat()

    @property
    def partitions(self) -> list[TopicPartition]:
        """The claimed partitions."""
        return list(self._landed)

    def observe_lag(self, ends: Mapping[TopicPartition, int]) -> None:
        """Report how much of each log, up to its end, has not landed yet."""
        for partition in ends.keys() & self._landed.keys():
            lag = max(ends[partition] - self._landed[partition], 0)
            metrics.LAG.labels(partition.topic, partition.partition).set(lag)

    async def _patiently(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call the warehouse in a thread, retrying while it is unavailable, unless stopping."""
        pause = RETRY_SECONDS / 16
        while True:
            try:
                return await asyncio.to_thread(call, *args, **kwargs)
            except UnavailableError as error:
                log.warning("the warehouse is unavailable: %s", error)
                self._progress.beat()
                if self._progress.is_stopping:
                    raise
            await self._progress.pause(pause)
            pause = min(2 * pause, RETRY_SECONDS)
