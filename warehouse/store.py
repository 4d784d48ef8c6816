"""Writes one batch in one transaction: rows, dead letters, counters and offsets, all or nothing."""

import uuid
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import psycopg
from aiokafka import ConsumerRecord, TopicPartition
from psycopg import errors, sql

from services.contracts.registry import ContractError
from services.contracts.topics import TOPICS
from warehouse import offsets
from warehouse.decode import Row, decode
from warehouse.offsets import Claim, Counts, Span

DEAD_LETTERS_TOPIC = "dead-letters.v1"
CONSUMER = "landing"
APPLICATION = "tanawari-landing"
TRANSACTION_SECONDS = 30
"""After that the server ends a transaction: a frozen process must not hold its partitions' rows for ever."""

DATA_ERRORS = (psycopg.DataError, errors.ProgramLimitExceeded, errors.StatementTooComplex)

_STAGED = """
create temporary table if not exists staged (
    index int, event_id uuid, event_type text, schema_version int, occurred_at timestamptz, producer text, key text,
    data jsonb, topic text, kafka_partition int, kafka_offset bigint
) on commit delete rows
"""

_COLUMNS = sql.SQL(", ").join(map(sql.Identifier, Row._fields))

_INSERT = """
insert into raw.{table} ({columns})
select {columns} from staged where topic = %s order by index
on conflict (event_id) do nothing
"""

_INSERT_DEAD_LETTERS = """
insert into raw.dead_letters
    (event_id, topic, kafka_partition, kafka_offset, key, value, reason, detail, consumer, failed_at)
select
    event_id, data ->> 'topic', (data ->> 'partition')::int, (data ->> 'offset')::bigint,
    decode(data ->> 'key', 'base64'), decode(data ->> 'value', 'base64'),
    data ->> 'reason', coalesce(data ->> 'detail', ''), data ->> 'consumer', (data ->> 'failedAt')::timestamptz
from staged where topic = %s order by index
on conflict (event_id) do nothing
returning event_id
"""

_KNOWN = """
select
    staged.index,
    (known.event_type, known.schema_version, known.occurred_at, known.producer, known.key, known.data)
    is not distinct from
    (staged.event_type, staged.schema_version, staged.occurred_at, staged.producer, staged.key, staged.data)
from staged join raw.{table} as known using (event_id)
where staged.topic = %s and (
    known.loaded_xid <> pg_current_xact_id()::text::bigint
    or (known.kafka_partition, known.kafka_offset) <> (staged.kafka_partition, staged.kafka_offset)
)
"""


class Refusal(NamedTuple):
    """Why one message becomes a dead letter."""

    reason: str
    detail: str


@dataclass
class Batch:
    """Messages in the order they were fetched; each is a row or a refusal, by its index in `records`."""

    records: list[ConsumerRecord]
    spans: dict[TopicPartition, Span]
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

    def partition(self, index: int) -> TopicPartition:
        """Where a message was read."""
        record = self.records[index]
        return TopicPartition(record.topic, record.partition)


class Store:
    """The landing's connection to the warehouse: opened when needed, dropped at the first fault. Not for two threads.

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
        with self._open().transaction():
            return offsets.claim(self._open(), partitions, log_id, owner) if partitions else {}

    def restart(self, claims: Mapping[TopicPartition, Claim]) -> dict[TopicPartition, Claim]:
        """Begin partitions anew; see `offsets.restart`."""
        with self._open().transaction():
            return offsets.restart(self._open(), claims)

    def write(self, batch: Batch) -> dict[TopicPartition, Counts]:
        """Write a batch, and tell what became of each partition's messages.

        A row that Postgres refuses although the contract allows it (a number beyond numeric's range, say) is found by
        halving, and becomes a dead letter as well.

        Raises:
            FencedError: the batch belongs to another process now; nothing was written.
        """
        try:
            return self._write(batch)
        except DATA_ERRORS:
            for index, detail in self._unstorable(list(batch.rows.items())):
                batch.refusals[index] = Refusal("UNSTORABLE", detail)
                del batch.rows[index]
            return self._write(batch)

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
            self._connection.execute(_STAGED)
        return self._connection

    def _write(self, batch: Batch) -> dict[TopicPartition, Counts]:
        connection = self._open()
        with connection.transaction():
            _stage(connection, batch.rows.items())
            if not offsets.lock(connection, batch.spans):
                return {}
            known = _insert(connection, batch.rows)
            refusals = batch.refusals | {
                index: Refusal("CONFLICT", "this eventId is known with other content")
                for index, is_same in known.items()
                if not is_same
            }
            _insert_refusals(connection, batch, refusals)
            counts = _count(batch, refusals, duplicates=[index for index, is_same in known.items() if is_same])
            offsets.advance(connection, batch.spans, counts)
        return counts

    def _unstorable(self, rows: Sequence[tuple[int, Row]]) -> Iterator[tuple[int, str]]:
        connection = self._open()
        try:
            with connection.transaction(force_rollback=True):
                _stage(connection, rows)
                _insert(connection, dict(rows))
        except DATA_ERRORS as error:
            if len(rows) == 1:
                yield rows[0][0], error.diag.message_primary or type(error).__name__
                return
            middle = len(rows) // 2
            yield from self._unstorable(rows[:middle])
            yield from self._unstorable(rows[middle:])


def _stage(connection: psycopg.Connection, rows: Collection[tuple[int, Row]]) -> None:
    with connection.cursor().copy("copy staged from stdin") as copy:
        for index, row in rows:
            copy.write_row((index, *row))


def _insert(connection: psycopg.Connection, rows: Mapping[int, Row]) -> dict[int, bool]:
    """Insert what is staged; for each row that was known already, whether its content is the same."""
    known: dict[int, bool] = {}
    for topic, staged in Counter(row.topic for row in rows.values()).items():
        if topic == DEAD_LETTERS_TOPIC:
            known |= _insert_dead_letters(connection, rows)
            continue
        names = {"table": sql.Identifier(TOPICS[topic].table), "columns": _COLUMNS}
        if connection.execute(sql.SQL(_INSERT).format(**names), (topic,)).rowcount < staged:
            known |= dict(connection.execute(sql.SQL(_KNOWN).format(**names), (topic,)).fetchall())
    return known


def _insert_dead_letters(connection: psycopg.Connection, rows: Mapping[int, Row]) -> dict[int, bool]:
    """The same for what services' consumers gave up; their letters are told apart by eventId alone."""
    new = {event_id for (event_id,) in connection.execute(_INSERT_DEAD_LETTERS, (DEAD_LETTERS_TOPIC,))}
    known: dict[int, bool] = {}
    for index, row in rows.items():
        if row.topic == DEAD_LETTERS_TOPIC and row.event_id not in new:
            known[index] = True
        new.discard(row.event_id)
    return known


def _insert_refusals(connection: psycopg.Connection, batch: Batch, refusals: Mapping[int, Refusal]) -> None:
    columns = "topic, kafka_partition, kafka_offset, key, value, reason, detail, consumer, failed_at"
    with connection.cursor().copy(f"copy raw.dead_letters ({columns}) from stdin") as copy:
        for index, refusal in refusals.items():
            record = batch.records[index]
            position = (record.topic, record.partition, record.offset)
            copy.write_row((*position, record.key, record.value, *refusal, CONSUMER, "now"))


def _count(batch: Batch, refusals: Collection[int], duplicates: Collection[int]) -> dict[TopicPartition, Counts]:
    refused = Counter(map(batch.partition, refusals))
    known = Counter(map(batch.partition, duplicates))
    return {
        partition: Counts(
            span.consumed,
            span.consumed - refused[partition] - known[partition],
            known[partition],
            refused[partition],
        )
        for partition, span in batch.spans.items()
    }
