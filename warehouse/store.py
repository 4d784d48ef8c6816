"""Writes one batch in one transaction: rows, dead letters, counters and offsets, all or nothing."""

import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

import psycopg
from aiokafka import TopicPartition
from psycopg import errors

from warehouse import offsets, tables
from warehouse.batch import Batch
from warehouse.offsets import Claim, Counts

APPLICATION = "tanawari-landing"
SESSION_SECONDS = 6.0

_END_FROZEN = """
select pg_terminate_backend(activity.pid)
from landing.partitions
join unnest(%s::text[], %s::int[]) as wanted (topic, kafka_partition) using (topic, kafka_partition)
join pg_stat_activity as activity on activity.backend_xid = partitions.xmax
where activity.wait_event = 'ClientRead' and clock_timestamp() - activity.xact_start > make_interval(secs => %s)
"""
"""A process frozen within a transaction would keep its partitions' rows locked: the server's own timeout does not end a
transaction that waits for the rest of a COPY. Only a process that holds the claimed rows, and makes Postgres wait, is
terminated: one that waits for a slow disk continues."""

_AWAY = (
    psycopg.OperationalError,
    errors.TransactionTimeout,
    errors.IdleInTransactionSessionTimeout,
    errors.ReadOnlySqlTransaction,
)


class UnavailableError(Exception):
    """The warehouse does not respond, cannot write now, or ended a slow transaction; the transaction is rolled back."""


class TooSlowError(Exception):
    """A batch takes longer to write than a transaction may last; nothing of it was written."""


class Store:
    """Landing's connection to the warehouse: opened when needed, reopened after an error. Not thread-safe.

    Every method may raise `UnavailableError`; calling it again is then safe.

    Args:
        url: the warehouse, as its loader.
        session_seconds: the session timeout of the group. The server ends a transaction after three times that, and
            another's claim after half of it: a frozen process must not lock its partitions' rows forever.
    """

    def __init__(self, url: str, *, session_seconds: float = SESSION_SECONDS) -> None:
        self._url = url
        self._session_seconds = session_seconds
        self._options = f"-c transaction_timeout={3 * 1000 * session_seconds:.0f}"
        self._connection: psycopg.Connection | None = None
        self._meets_known = False
        """Whether the last batch had rows that COPY alone cannot land, as when a log is read again."""

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def claim(
        self, partitions: Collection[TopicPartition], log_ids: Mapping[str, str], owner: uuid.UUID
    ) -> dict[TopicPartition, Claim]:
        """Take partitions over, even from a process that is frozen within a write; see `offsets.claim`."""
        if not partitions:
            return {}
        with self._transaction() as connection:
            topics, numbers = map(list, zip(*partitions, strict=True))
            connection.execute(_END_FROZEN, (topics, numbers, self._session_seconds / 2))
            return offsets.claim(connection, partitions, log_ids, owner)

    def restart(self, claims: Mapping[TopicPartition, Claim]) -> dict[TopicPartition, Claim]:
        """Restart partitions; see `offsets.restart`."""
        with self._transaction() as connection:
            return offsets.restart(connection, claims)

    def write(self, batch: Batch) -> dict[TopicPartition, Counts]:
        """Write a batch, and return the counts of each partition (none if it was already written).

        Raises:
            FencedError: the batch belongs to another process now; nothing was written.
            TooSlowError: it must be written in parts.
        """
        try:
            with self._transaction() as connection:
                return self._write(connection, batch)
        except UnavailableError as error:
            if isinstance(error.__cause__, errors.TransactionTimeout):
                raise TooSlowError from error
            raise

    def _write(self, connection: psycopg.Connection, batch: Batch) -> dict[TopicPartition, Counts]:
        if not offsets.lock(connection, batch.spans):
            return {}
        outcome = None if self._meets_known else tables.copy(connection, batch.copies)
        if outcome is None:
            outcome = tables.insert(connection, batch.rows)
        self._meets_known = bool(outcome.duplicates or outcome.refusals)
        refusals = {**batch.refusals, **outcome.refusals}
        kept = tables.insert_refused(connection, batch.records, refusals, batch.number)
        counts = batch.counts(outcome, kept)
        offsets.advance(connection, batch.spans, counts)
        return counts

    @contextmanager
    def _transaction(self) -> Iterator[psycopg.Connection]:
        try:
            connection = self._open()
            with connection.transaction():
                yield connection
        except _AWAY as error:
            self.close()  # the next connection may lead to another server
            raise UnavailableError(_why(error)) from error

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
    """Why it is unavailable, with the remedy if known."""
    if isinstance(error, errors.DiskFull):
        return "its disk is full: free space there; landing waits and loses nothing"
    return type(error).__name__
