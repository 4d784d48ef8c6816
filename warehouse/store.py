"""Writes one batch in one transaction: rows, dead letters, counters and offsets, all or nothing."""

import uuid
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import psycopg
from aiokafka import ConsumerRecord, TopicPartition

from services.contracts.registry import ContractError
from warehouse import offsets, tables
from warehouse.decode import Row, decode
from warehouse.offsets import Claim, Counts, Span
from warehouse.tables import Outcome, Refusal

APPLICATION = "tanawari-landing"
TRANSACTION_SECONDS = 30
"""After that the server ends a transaction: a frozen process must not hold its partitions' rows for ever."""


@dataclass
class Batch:
    """Messages in the order they were fetched; each is a row or a refusal, by its index in `records`."""

    records: list[ConsumerRecord]
    spans: dict[TopicPartition, Span] = field(default_factory=dict)
    rows: dict[int, Row] = field(default_factory=dict)
    refusals: dict[int, Refusal] = field(default_factory=dict)

    @classmethod
    def of(cls, records: list[ConsumerRecord], spans: dict[TopicPartition, Span]) -> "Batch":
        """Decode messages whose positions are within `spans`."""
        batch = cls(records, spans)
        for index, record in enumerate(records):
            try:
                batch.rows[index] = decode(record)
            except ContractError as error:
                batch.refusals[index] = Refusal(error.reason, str(error))
        return batch

    def counts(self, outcome: Outcome) -> dict[TopicPartition, Counts]:
        """What became of each partition's messages, once the rows are in."""
        refused = Counter(map(self._partition, (*self.refusals, *outcome.refusals)))
        known = Counter(map(self._partition, outcome.duplicates))
        return {
            partition: Counts(
                span.consumed,
                span.consumed - refused[partition] - known[partition],
                known[partition],
                refused[partition],
            )
            for partition, span in self.spans.items()
        }

    def _partition(self, index: int) -> TopicPartition:
        return TopicPartition(self.records[index].topic, self.records[index].partition)


class Store:
    """The landing's connection to the warehouse: opened when needed, again after a fault. Not for two threads.

    Every method may raise `psycopg.OperationalError`; calling it again is then safe.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection | None = None

    def close(self) -> None:
        """Give the connection back; the next call opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def claim(
        self, partitions: Collection[TopicPartition], log_id: str, owner: uuid.UUID
    ) -> dict[TopicPartition, Claim]:
        """Take partitions over; see `offsets.claim`."""
        return offsets.claim(self._open(), partitions, log_id, owner) if partitions else {}

    def restart(self, claims: Mapping[TopicPartition, Claim]) -> dict[TopicPartition, Claim]:
        """Begin partitions anew; see `offsets.restart`."""
        connection = self._open()
        with connection.transaction():
            return offsets.restart(connection, claims)

    def write(self, batch: Batch) -> dict[TopicPartition, Counts]:
        """Write a batch, and tell what became of each partition's messages (nothing, if it had been written before).

        Raises:
            FencedError: the batch belongs to another process now; nothing was written.
        """
        connection = self._open()
        with connection.transaction():
            if not offsets.lock(connection, batch.spans):
                return {}
            outcome = tables.insert(connection, batch.rows)
            tables.insert_refused(connection, batch.records, batch.refusals | outcome.refusals)
            counts = batch.counts(outcome)
            offsets.advance(connection, batch.spans, counts)
        return counts

    def _open(self) -> psycopg.Connection:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(
                self._url,
                autocommit=True,
                connect_timeout=3,
                tcp_user_timeout=10_000,
                options=f"-c transaction_timeout={TRANSACTION_SECONDS}s",
                application_name=APPLICATION,
            )
            tables.prepare(self._connection)
        return self._connection
