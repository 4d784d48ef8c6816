"""Follows topics in memory: every process reads every message from the start, without a group and without a database.

    follower = Follower(settings, topics=["user-actions.v1"], handle=live.apply)   # handle(records), sync and quick
    build_app(..., workers=[follower])
    follower.has_caught_up      # whether all that was there at the start has been read

Records may come twice (after the embedded broker's restart); `handle` has to bear that. It gets them unread, so that
years of history cost only the fields it needs; what it cannot read it skips: landing makes the dead letters.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from services.common.broker import LogWatch, has_unread, partitions_of, positions
from services.common.settings import ServiceSettings
from services.common.worker import Worker, pause

logger = logging.getLogger(__name__)

Handle = Callable[[Sequence[ConsumerRecord]], None]


class Follower(Worker):
    """Reads all partitions of its topics from their beginning, and then what comes."""

    name = "follower"

    def __init__(self, settings: ServiceSettings, *, topics: Sequence[str], handle: Handle, batch: int = 5_000) -> None:
        super().__init__()
        self._settings = settings
        self._topics = topics
        self._handle = handle
        self._batch = batch
        self.has_caught_up = False

    async def run(self, stop: asyncio.Event) -> None:
        """Follow until `stop`; a log that has begun anew is to be caught up with anew."""
        self.has_caught_up = False
        watch = await LogWatch.begin(self._settings.kafka_url)
        client = AIOKafkaConsumer(
            bootstrap_servers=self._settings.kafka_url,
            client_id=self._settings.service,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            metadata_max_age_ms=5_000,
        )
        try:
            await client.start()
            ends: dict[TopicPartition, int | None] = dict.fromkeys(await self._partitions(stop))
            client.assign(list(ends))
            while not stop.is_set():
                fetched = await client.getmany(timeout_ms=200, max_records=self._batch)
                await watch.check()
                if fetched:
                    self._handle([record for part in fetched.values() for record in part])
                reached = await positions(client)
                self.has_caught_up = self.has_caught_up or _has_reached(client, ends, reached)
                if fetched or not has_unread(client, reached):
                    self.beat()
        finally:
            await client.stop()

    async def _partitions(self, stop: asyncio.Event) -> list[TopicPartition]:
        """All partitions, once every topic exists."""
        while not stop.is_set():
            partitions = await partitions_of(self._settings.kafka_url, self._topics)
            if {partition.topic for partition in partitions} == set(self._topics):
                return partitions
            self.failure = "the topics do not exist yet"
            await pause(stop, 1.0)
        return []


def _has_reached(
    client: AIOKafkaConsumer, ends: dict[TopicPartition, int | None], reached: Mapping[TopicPartition, int]
) -> bool:
    """Whether every partition was read as far as it reached when it was first fetched; `ends` remembers how far.

    A pause in what comes tells nothing: under steady traffic there is none, and between two fetches there may be one.
    """
    for partition, end in ends.items():
        if end is None:
            ends[partition] = client.last_stable_offset(partition)
    return all(end is not None and reached[partition] >= end for partition, end in ends.items())
