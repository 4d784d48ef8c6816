"""A batch of decoded messages, prepared for Postgres."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from aiokafka import ConsumerRecord, TopicPartition

from services.contracts.registry import ContractError
from warehouse.copying import Rows
from warehouse.decode import Row, decode
from warehouse.lanes import Place
from warehouse.offsets import Counts, Span
from warehouse.tables import Copy, Outcome, Refusal


def decoded(records: Sequence[ConsumerRecord]) -> tuple[dict[int, Row], dict[int, Refusal]]:
    """Decoded messages by index: rows and refusals."""
    rows: dict[int, Row] = {}
    refusals: dict[int, Refusal] = {}
    for index, record in enumerate(records):
        try:
            rows[index] = decode(record)
        except ContractError as error:
            refusals[index] = Refusal(error.reason, str(error))
    return rows, refusals


@dataclass
class Batch:
    """Messages in the order they were fetched, those of a partition together; rows and refusals by their index."""

    records: Sequence[ConsumerRecord]
    spans: Mapping[TopicPartition, Span]
    rows: Rows
    refusals: Mapping[int, Refusal]
    copies: Mapping[str, Copy]

    @classmethod
    def of(cls, records: Sequence[ConsumerRecord], spans: Mapping[TopicPartition, Span]) -> "Batch":
        """Decode messages whose positions are within `spans`."""
        plain, refusals = decoded(records)
        rows = Rows.of(plain, partial(_number, records, spans))
        refused = _by_partition(records, refusals)
        count = {partition: span.consumed - refused[partition] for partition, span in spans.items()}
        copies = {
            topic: Copy(text, {place: count[place] for place in count if place.topic == topic})
            for topic, text in rows.texts().items()
        }
        return cls(records, spans, rows, refusals, copies)

    def number(self, index: int) -> tuple[int, int]:
        """Lane and number of a message."""
        return _number(self.records, self.spans, index)

    def counts(self, outcome: Outcome, kept: Mapping[int, bool]) -> dict[TopicPartition, Counts]:
        """The outcome of each partition's messages, as counted by Postgres; `kept` says which dead letters are new."""
        letters = _by_partition(self.records, (index for index, is_new in kept.items() if is_new))
        old_letters = (index for index, is_new in kept.items() if not is_new)
        known = _by_partition(self.records, (*outcome.duplicates, *old_letters))
        return {
            part: Counts(span.consumed, outcome.landed.get(part, 0), known[part], letters[part], span.lost)
            for part, span in self.spans.items()
        }

    def halves(self) -> "Iterator[Batch]":
        """Two halves, to be written one after the other; or the batch itself, if it cannot be split."""
        if len(self.records) < 2:  # noqa: PLR2004 - two halves
            yield self
            return
        first, rest = self.records[: len(self.records) // 2], self.records[len(self.records) // 2 :]
        taken = Counter(map(_partition_of, first))
        before = {part: span for part, span in self.spans.items() if taken[part] == span.consumed and span.consumed}
        ends = {_partition_of(record): record.offset + 1 for record in first}
        parted = {part: end for part, end in ends.items() if part not in before}
        yield Batch.of(
            first,
            before | {part: replace(self.spans[part], end=end, consumed=taken[part]) for part, end in parted.items()},
        )
        yield Batch.of(
            rest,
            {
                part: span
                if part not in parted
                else Span(replace(span.claim, next_offset=parted[part]), span.end, span.consumed - taken[part])
                for part, span in self.spans.items()
                if part not in before
            },
        )


def _number(records: Sequence[ConsumerRecord], spans: Mapping[TopicPartition, Span], index: int) -> tuple[int, int]:
    record = records[index]
    claim = spans[record.topic, record.partition].claim
    return claim.lane, claim.shift + record.offset


def _partition_of(record: ConsumerRecord) -> TopicPartition:
    return TopicPartition(record.topic, record.partition)


def _by_partition(records: Sequence[ConsumerRecord], indexes: Iterable[int]) -> Counter[Place]:
    return Counter(_partition_of(records[index]) for index in indexes)
