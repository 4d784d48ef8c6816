"""Writes one batch in one transaction: rows, dead letters, counters and offsets, all or nothing."""

import uuid
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
from aiokafka import ConsumerRecord, TopicPartition
from psycopg import errors

from services.contracts.registry import ContractError
from warehouse import lanes, offsets, tables
from warehouse.decode import Row, decode
from warehouse.offsets import Claim, Counts, Span
from warehouse.tables import Refusal

APPLICATION = "tanawari-landing"
SESSION_SECONDS = 6.0

_END_FROZEN = """
select pg_terminate_backend(pid)
from pg_stat_activity
where application_name = %s and usename = current_user and datname = current_database()
    and pid <> pg_backend_pid() and clock_timestamp() - xact_start > make_interval(secs => %s)
"""
"""A process frozen within a transaction would keep its partitions' rows, and dbt from all newer ones: the server's own
timeout does not end a transaction that waits for the rest of a COPY."""

_AWAY = (
    psycopg.OperationalError,
    errors.TransactionTimeout,
    errors.IdleInTransactionSessionTimeout,
    errors.ReadOnlySqlTransaction,
)


class AwayError(Exception):
    """The warehouse does not answer, may not write now, or ended what took too long; what was begun is undone."""


@dataclass
class Batch:
    """Messages in the order they were fetched; each is a row or a refusal, by its index in `records`."""

    records: list[ConsumerRecord]
    spans: dict[TopicPartition, Span] = field(default_factory=dict)
    rows: dict[int, Row] = field(default_factory=dict)
    copied: str = ""
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
        batch.copied = tables.copied(batch.rows)
        return batch

    @property
    def filled(self) -> list[TopicPartition]:
        """The partitions of which it holds messages."""
        return [partition for partition, span in self.spans.items() if span.consumed]

    def counts(self, duplicates: Collection[int], refusals: Collection[int]) -> dict[TopicPartition, Counts]:
        """What became of each partition's messages, given the indexes of those that did not land."""
        refused = Counter(map(self._partition, refusals))
        known = Counter(map(self._partition, duplicates))
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

    Every method may raise `AwayError`; calling it again is then safe.

    Args:
        url: the warehouse, as its loader.
        session_seconds: how soon the group misses a member. A transaction is ended by the server after three times
            that, and by another's claim after half of it: a frozen process must not hold its partitions' rows for ever.
    """

    def __init__(self, url: str, *, session_seconds: float = SESSION_SECONDS) -> None:
        self._url = url
        self._session_seconds = session_seconds
        self._options = f"-c transaction_timeout={3 * 1000 * session_seconds:.0f}"
        self._connection: psycopg.Connection | None = None

    def close(self) -> None:
        """Give the connection back; the next call opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def claim(
        self, partitions: Collection[TopicPartition], log_id: str, owner: uuid.UUID
    ) -> dict[TopicPartition, Claim]:
        """Take partitions over, also from a process that is frozen within a write; see `offsets.claim`."""
        if not partitions:
            return {}
        with self._transaction() as connection:
            connection.execute(_END_FROZEN, (APPLICATION, self._session_seconds / 2))
            return offsets.claim(connection, partitions, log_id, owner)

    def restart(self, claims: Mapping[TopicPartition, Claim]) -> dict[TopicPartition, Claim]:
        """Begin partitions anew; see `offsets.restart`."""
        with self._transaction() as connection:
            return offsets.restart(connection, claims)

    def write(self, batch: Batch) -> dict[TopicPartition, Counts]:
        """Write a batch, and tell what became of each partition's messages (nothing, if it had been written before).

        Raises:
            FencedError: the batch belongs to another process now; nothing was written.
        """
        with self._transaction() as connection:
            if not offsets.lock(connection, batch.spans):
                return {}
            taken = lanes.take(connection, batch.filled, len(batch.records))
            outcome = tables.insert(connection, batch.rows, batch.copied, taken)
            refusals = batch.refusals | outcome.refusals
            known = tables.insert_refused(connection, batch.records, refusals)
            counts = batch.counts({*outcome.duplicates, *known}, refusals.keys() - known)
            offsets.advance(connection, batch.spans, counts)
        return counts

    @contextmanager
    def _transaction(self) -> Iterator[psycopg.Connection]:
        try:
            connection = self._open()
            with connection.transaction():
                yield connection
        except _AWAY as error:
            self.close()  # the next one may lead to another server
            raise AwayError(_why(error)) from error

    def _open(self) -> psycopg.Connection:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(
                self._url,
                autocommit=True,
                connect_timeout=3,
                tcp_user_timeout=10_000,
                options=self._options,
                application_name=APPLICATION,
            )
            tables.prepare(self._connection)
        return self._connection


def _why(error: psycopg.Error) -> str:
    """Why it is away, with the remedy where it is known."""
    if isinstance(error, errors.DiskFull):
        return "its disk is full: free space there; landing waits and loses nothing"
    return type(error).__name__
