"""Writes decoded messages to `raw`: directly with COPY, or through a temporary table if an id already exists.

Ids exist when a log is read again or a producer repeats events: COPY fails, and one INSERT per topic skips them.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import psycopg
from aiokafka import ConsumerRecord
from psycopg import errors, sql

from services.contracts.envelope import ERASED
from services.contracts.topics import TOPICS
from warehouse.copying import COLUMNS, Rows
from warehouse.lanes import Numbering, Place

DEAD_LETTERS_TOPIC = "dead-letters.v1"
"""Its messages land in `raw.dead_letters`, together with landing's own dead letters."""

CONSUMER = "landing"

_DATA_ERRORS = (psycopg.DataError, errors.ProgramLimitExceeded, errors.StatementTooComplex)

_STAGED = """
create temporary table if not exists staged (
    index int, event_id uuid, event_type text, schema_version int, occurred_at timestamptz, producer text, key text,
    data jsonb, topic text, kafka_partition int, kafka_offset bigint, traceparent text, unknown_fields jsonb,
    lane int, number bigint
) on commit delete rows
"""

_REFUSED = """
create temporary table if not exists refused (
    index int, topic text, kafka_partition int, kafka_offset bigint, key bytea, value bytea, reason text, detail text,
    lane int, number bigint
) on commit delete rows
"""

_COLUMNS = sql.SQL(", ").join(map(sql.Identifier, COLUMNS))

_COPY = "copy raw.{table} ({columns}) from stdin"

_INSERT = """
with new as (
    insert into raw.{table} ({columns})
    select {columns} from staged where topic = %(topic)s order by index
    on conflict (event_id) do nothing
    returning topic, kafka_partition
)
select topic, kafka_partition, count(*) from new group by topic, kafka_partition
"""

_INSERT_DEAD_LETTERS = """
insert into raw.dead_letters
    (event_id, topic, kafka_partition, kafka_offset, key, value, reason, detail, consumer, failed_at, lane, number)
select
    event_id, data ->> 'topic', (data ->> 'partition')::int, (data ->> 'offset')::bigint,
    decode(data ->> 'key', 'base64'), decode(data ->> 'value', 'base64'),
    data ->> 'reason', coalesce(data ->> 'detail', ''), data ->> 'consumer', (data ->> 'failedAt')::timestamptz,
    lane, number
from staged where topic = %s order by index
on conflict (event_id) do nothing
returning event_id
"""

_INSERT_REFUSED = """
with new as (
    insert into raw.dead_letters
        (topic, kafka_partition, kafka_offset, key, value, reason, detail, consumer, failed_at, lane, number)
    select topic, kafka_partition, kafka_offset, key, value, reason, detail, 'landing', now(), lane, number
    from refused order by index
    on conflict (topic, kafka_partition, kafka_offset, sha256(coalesce(value, ''::bytea)))
        where event_id is null and consumer = 'landing' do nothing
    returning lane, number
)
select index, new.lane is not null from refused left join new using (lane, number)
"""

_KNOWN = """
select
    staged.index,
    (known.event_type, known.schema_version, known.producer, known.key, known.data)
    is not distinct from
    (staged.event_type, staged.schema_version, staged.producer, staged.key, staged.data)
    and (known.occurred_at = staged.occurred_at or %(is_stamped)s)
    or coalesce(starts_with(known.user_id, %(erased)s), false)
from staged join raw.{table} as known using (event_id)
where staged.topic = %(topic)s and (known.lane, known.number) <> (staged.lane, staged.number)
"""

_NO_JSONB = """
select index, (pg_input_error_info(data, 'jsonb')).message
from unnest(%s::int[], %s::text[]) as given (index, data)
where not pg_input_is_valid(data, 'jsonb')
"""


class Refusal(NamedTuple):
    """Why one message becomes a dead letter."""

    reason: str
    detail: str


class Copy(NamedTuple):
    """The rows of a topic as text for COPY, and their number by partition."""

    text: str
    rows: Mapping[Place, int]


@dataclass(frozen=True)
class Outcome:
    """The landed rows of each partition, as counted by Postgres; the others by index: duplicates or refused."""

    landed: Mapping[Place, int]
    duplicates: Sequence[int] = ()
    refusals: Mapping[int, Refusal] = field(default_factory=dict)


def prepare(connection: psycopg.Connection) -> None:
    """Create this session's temporary tables."""
    connection.execute(_STAGED)
    connection.execute(_REFUSED)


def copy(connection: psycopg.Connection, copies: Mapping[str, Copy]) -> Outcome | None:
    """Land all rows, if all are new and their topics have event tables; otherwise None, and nothing is landed."""
    landed: dict[Place, int] = {}
    if DEAD_LETTERS_TOPIC in copies:
        return None
    try:
        with connection.transaction():
            for topic, (text, rows) in copies.items():
                cursor = connection.cursor()
                with cursor.copy(_of_table(_COPY, topic)) as into:
                    into.write(text)
                if cursor.rowcount != sum(rows.values()):
                    raise RuntimeError(f"{topic}: COPY took {cursor.rowcount} rows of {rows}")
                landed |= rows
    except (errors.UniqueViolation, *_DATA_ERRORS):
        return None
    return Outcome(landed)


def insert(connection: psycopg.Connection, rows: Rows) -> Outcome:
    """Land any rows, within the caller's transaction, on a prepared connection.

    Rows that Postgres refuses although the contract allows them (a number beyond numeric's range, for example) are
    refused, and the others land.
    """
    unstorable: dict[int, Refusal] = {}
    if not rows.rows:
        return Outcome({})
    try:
        landed, known = _insert(connection, rows)
    except _DATA_ERRORS:
        unstorable = _no_jsonb(connection, rows)
        unstorable |= _unstorable(connection, rows.without(unstorable))
        landed, known = _insert(connection, rows.without(unstorable))
    conflict = Refusal("CONFLICT", "this eventId exists with other content")
    conflicts = {index: conflict for index, is_same in known.items() if not is_same}
    return Outcome(landed, [index for index, is_same in known.items() if is_same], unstorable | conflicts)


def insert_refused(
    connection: psycopg.Connection,
    records: Sequence[ConsumerRecord],
    refusals: Mapping[int, Refusal],
    numbering: Numbering,
) -> dict[int, bool]:
    """Store refused messages, by their index in `records`, with bytes, reason and position.

    Returns:
        For each whether it is new: it is not when a log is read again.
    """
    if not refusals:
        return {}
    with connection.cursor().copy("copy refused from stdin") as into:
        for index, refusal in refusals.items():
            record = records[index]
            position = record.topic, record.partition, record.offset
            into.write_row((index, *position, record.key, record.value, *refusal, *numbering(index)))
    return dict(connection.execute(_INSERT_REFUSED).fetchall())


def _insert(connection: psycopg.Connection, rows: Rows) -> tuple[Counter[Place], dict[int, bool]]:
    """Insert; returns how many landed, and for each existing row whether its content is the same."""
    landed: Counter[Place] = Counter()
    known: dict[int, bool] = {}
    with connection.transaction():
        with connection.cursor().copy("copy staged from stdin") as into:
            into.write(rows.indexed_text())
        for topic, given_rows in Counter(row.topic for row in rows.rows.values()).items():
            if topic == DEAD_LETTERS_TOPIC:
                landed_letters, known_letters = _insert_dead_letters(connection, rows)
                landed, known = landed + landed_letters, known | known_letters
                continue
            given = {"topic": topic, "is_stamped": TOPICS[topic].is_stamped, "erased": ERASED}
            new = {(name, part): count for name, part, count in connection.execute(_of_table(_INSERT, topic), given)}
            landed.update(new)
            if sum(new.values()) < given_rows:
                known |= dict(connection.execute(_of_table(_KNOWN, topic), given).fetchall())
    return landed, known


def _of_table(statement: str, topic: str) -> sql.Composed:
    return sql.SQL(statement).format(table=sql.Identifier(TOPICS[topic].table), columns=_COLUMNS)


def _insert_dead_letters(connection: psycopg.Connection, rows: Rows) -> tuple[Counter[Place], dict[int, bool]]:
    """The same for dead letters of services' consumers, which are identified by eventId alone."""
    new = {str(event_id) for (event_id,) in connection.execute(_INSERT_DEAD_LETTERS, (DEAD_LETTERS_TOPIC,))}
    landed: Counter[Place] = Counter()
    known: dict[int, bool] = {}
    for index, row in rows.rows.items():
        if row.topic == DEAD_LETTERS_TOPIC and row.event_id in new:
            landed[row.topic, row.kafka_partition] += 1
            new.discard(row.event_id)
        elif row.topic == DEAD_LETTERS_TOPIC:
            known[index] = True
    return landed, known


def _no_jsonb(connection: psycopg.Connection, rows: Rows) -> dict[int, Refusal]:
    """Rows with an invalid jsonb part, found in one query: halving took longer than a transaction may last."""
    given = [(index, text) for index, row in rows.rows.items() for text in (row.data, row.unknown_fields) if text]
    parameters = list(map(list, zip(*given, strict=True)))
    return {index: Refusal("UNSTORABLE", message) for index, message in connection.execute(_NO_JSONB, parameters)}


def _unstorable(connection: psycopg.Connection, rows: Rows) -> Iterator[tuple[int, Refusal]]:
    """Rows refused for any other reason, found by halving."""
    try:
        with connection.transaction(force_rollback=True):
            _insert(connection, rows)
    except _DATA_ERRORS as error:
        indexes = list(rows.rows)
        if len(indexes) == 1:
            yield indexes[0], Refusal("UNSTORABLE", error.diag.message_primary or type(error).__name__)
            return
        middle = len(indexes) // 2
        yield from _unstorable(connection, rows.only(indexes[:middle]))
        yield from _unstorable(connection, rows.only(indexes[middle:]))
