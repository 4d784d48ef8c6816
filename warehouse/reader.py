"""Fetches the claimed partitions of one session, each from the offset up to which it is fetched or landed."""

import logging
from collections.abc import Mapping
from dataclasses import replace

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import NoOffsetForPartitionError, OffsetOutOfRangeError

from warehouse import broker
from warehouse.offsets import Claim, Span

log = logging.getLogger(__name__)

POLL_MS = 250

Fetched = Mapping[TopicPartition, list[ConsumerRecord]]


class Reader:
    """A consumer with its claims; it notices logs that are not the ones which landed."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self.consumer = consumer
        self.claims: dict[TopicPartition, Claim] = {}
        self._log_ids: dict[str, str] = {}
        self._starts: dict[TopicPartition, int] = {}
        """Where logs begin that did not have the offset we asked for."""

    async def identify_logs(self) -> dict[str, str]:
        """The ids of the logs, which are kept to be compared."""
        self._log_ids = await broker.log_ids_of(self.consumer)
        return self._log_ids

    async def has_other_logs(self) -> bool:
        """Whether a topic was created again since."""
        return await broker.log_ids_of(self.consumer) != self._log_ids

    def begin(self, claims: Mapping[TopicPartition, Claim]) -> None:
        """Fetch what was claimed, and nothing else."""
        self.claims = dict(claims)
        self._starts.clear()
        for partition, claim in claims.items():
            self.consumer.seek(partition, claim.next_offset)

    def restart(self, restarted: Mapping[TopicPartition, Claim]) -> None:
        """Fetch these partitions from their start, and the others again from where they were."""
        self.claims |= restarted
        for partition, claim in self.claims.items():
            self.consumer.seek(partition, claim.next_offset)

    async def fetch(self, max_records: int) -> Fetched:
        """The next messages; none where a log lacks the next offset, and is read from its start from now on.

        Retention deleted it, or the log is another one.
        """
        try:
            fetched: Fetched = await self.consumer.getmany(timeout_ms=POLL_MS, max_records=max_records)
        except NoOffsetForPartitionError:  # assigned, and not yet claimed
            return {}
        except OffsetOutOfRangeError as error:
            starts = await self.consumer.beginning_offsets(list(error.args[0]))
            for partition in starts.keys() & self.consumer.assignment():
                self._starts[partition] = starts[partition]
                self.consumer.seek(partition, starts[partition])
            return {}
        return fetched

    def shrunken(self, fetched: Fetched) -> dict[TopicPartition, Claim]:
        """The partitions whose log end or position is before what has landed, as reported by fetches."""
        return {
            partition: claim
            for partition, claim in self.claims.items()
            if (partition in fetched and fetched[partition][0].offset < claim.next_offset)
            or ((end := broker.log_end(self.consumer, partition)) is not None and end < claim.next_offset)
        }

    def spans(self, fetched: Fetched, reached: Mapping[TopicPartition, int]) -> dict[TopicPartition, Span]:
        """The range of each partition that the fetch covers, even without messages.

        Compaction and transactions leave gaps. Only what lies before the log's start was lost.
        """
        spans = {}
        for partition, end in reached.items():
            claim, records = self.claims[partition], fetched.get(partition, [])
            if end <= claim.next_offset:
                continue
            first, start = records[0].offset if records else end, self._starts.pop(partition, 0)
            if lost := max(min(start, first) - claim.next_offset, 0):
                gap = (claim.next_offset, claim.next_offset + lost - 1)
                log.error("%s/%d: retention deleted offsets %d to %d before they landed", *partition, *gap)
            spans[partition] = Span(claim, end, len(records), lost)
            self.claims[partition] = replace(claim, next_offset=end)
        return spans
