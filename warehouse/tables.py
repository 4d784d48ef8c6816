"""Puts decoded messages into `raw`: COPY into a temporary table, then one INSERT a topic that skips known ids."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import psycopg
from aiokafka import ConsumerRecord
from psycopg import errors, sql

from services.contracts.topics import TOPICS
from warehouse.decode import Row

DEAD_LETTERS_TOPIC = "dead-letters.v1"
"""Its messages land in `raw.dead_letters`, beside those of the landing itself."""

CONSUMER = "landing"

_DATA_ERRORS = (psycopg.DataError, errors.ProgramLimitExceeded, errors.StatementTooComplex)

_STAGED = """
create temporary table if not exists staged (
    index int, event_id uuid, event_type text, schema_version int, occurred_at timestamptz, producer text, key text,
    data jsonb, topic text, kafka_partition int, kafka_offset bigint
) on commit delete rows
"""

_REFUSED = """
create temporary table if not exists refused (
    index int, topic text, kafka_partition int, kafka_offset bigint, key bytea, value bytea, reason text, detail text
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

_INSERT_REFUSED = """
with new as (
    insert into raw.dead_letters
        (topic, kafka_partition, kafka_offset, key, value, reason, detail, consumer, failed_at)
    select topic, kafka_partition, kafka_offset, key, value, reason, detail, 'landing', now()
    from refused order by index
    on conflict (topic, kafka_partition, kafka_offset, sha256(coalesce(value, ''::bytea)))
        where event_id is null and consumer = 'landing' do nothing
    returning topic, kafka_partition, kafka_offset
)
select index from refused
where (topic, kafka_partition, kafka_offset) not in (select topic, kafka_partition, kafka_offset from new)
"""

_KNOWN = """
select
    staged.index,
    (known.event_type, known.schema_version, known.producer, known.key, known.data)
    is not distinct from
    (staged.event_type, staged.schema_version, staged.producer, staged.key, staged.data)
    and (known.occurred_at = staged.occurred_at or %s)
from staged join raw.{table} as known using (event_id)
where staged.topic = %s and (
    known.loaded_xid <> pg_current_xact_id()::text::bigint
    or (known.kafka_partition, known.kafka_offset) <> (staged.kafka_partition, staged.kafka_offset)
)
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


class Outcome(NamedTuple):
    """What did not land, by the row's index: known with the same content, or refused."""

    duplicates: list[int]
    refusals: dict[int, Refusal]


def prepare(connection: psycopg.Connection) -> None:
    """Make this session's temporary tables."""
    connection.execute(_STAGED)
    connection.execute(_REFUSED)


def copied(rows: Mapping[int, Row]) -> str:
    """Rows as COPY reads them, for `insert`; whatever a sender chose is escaped."""
    return "".join(f"{index}\t{_text_of(row)}\n" for index, row in rows.items())


def insert(connection: psycopg.Connection, rows: Mapping[int, Row], text: str) -> Outcome:
    """Insert rows into the tables of their topics, within the caller's transaction, on a prepared connection.

    Rows that Postgres refuses although the contract allows them (a number beyond numeric's range, say) are refused,
    while the others land.

    Args:
        connection: in a transaction.
        rows: by an index of the caller's, in the order in which the first of equal ids wins.
        text: the rows, `copied`: made beforehand, so that Postgres does not wait for it.
    """
    unstorable: dict[int, Refusal] = {}
    try:
        known = _insert(connection, rows, text)
    except _DATA_ERRORS:
        unstorable = _no_jsonb(connection, rows)
        rest = [(index, row) for index, row in rows.items() if index not in unstorable]
        unstorable |= _unstorable(connection, rest)
        storable = {index: row for index, row in rows.items() if index not in unstorable}
        known = _insert(connection, storable, copied(storable))
    conflict = Refusal("CONFLICT", "this eventId is known with other content")
    conflicts = {index: conflict for index, is_same in known.items() if not is_same}
    return Outcome([index for index, is_same in known.items() if is_same], unstorable | conflicts)


def insert_refused(
    connection: psycopg.Connection, records: Sequence[ConsumerRecord], refusals: Mapping[int, Refusal]
) -> set[int]:
    """Keep refused messages, by their index in `records`, with bytes, reason and position.

    Returns:
        Those that had been kept before, which happens when a log is read again.
    """
    if not refusals:
        return set()
    with connection.cursor().copy("copy refused from stdin") as copy:
        for index, refusal in refusals.items():
            record = records[index]
            copy.write_row((index, record.topic, record.partition, record.offset, record.key, record.value, *refusal))
    return {index for (index,) in connection.execute(_INSERT_REFUSED)}


def _insert(connection: psycopg.Connection, rows: Mapping[int, Row], text: str) -> dict[int, bool]:
    """Insert; for each row that was known already, whether its content is the same."""
    known: dict[int, bool] = {}
    with connection.transaction():
        with connection.cursor().copy("copy staged from stdin") as copy:
            copy.write(text)
        for topic, staged in Counter(row.topic for row in rows.values()).items():
            if topic == DEAD_LETTERS_TOPIC:
                known |= _insert_dead_letters(connection, rows)
                continue
            names = {"table": sql.Identifier(TOPICS[topic].table), "columns": _COLUMNS}
            if connection.execute(sql.SQL(_INSERT).format(**names), (topic,)).rowcount < staged:
                known |= dict(
                    connection.execute(sql.SQL(_KNOWN).format(**names), (TOPICS[topic].is_stamped, topic)).fetchall()
                )
    return known


def _text_of(row: Row) -> str:
    key = r"\N" if row.key is None else _escaped(row.key)
    return (
        f"{row.event_id}\t{row.event_type}\t{row.schema_version}\t{row.occurred_at}\t{_escaped(row.producer)}\t{key}\t"
        f"{_escaped(row.data)}\t{row.topic}\t{row.kafka_partition}\t{row.kafka_offset}"
    )


def _escaped(text: str) -> str:
    if "\\" in text:
        text = text.replace("\\", r"\\")
    if "\n" in text or "\t" in text or "\r" in text:
        text = text.replace("\n", r"\n").replace("\t", r"\t").replace("\r", r"\r")
    return text


def _insert_dead_letters(connection: psycopg.Connection, rows: Mapping[int, Row]) -> dict[int, bool]:
    """The same for what services' consumers gave up; their letters are told apart by eventId alone."""
    new = {str(event_id) for (event_id,) in connection.execute(_INSERT_DEAD_LETTERS, (DEAD_LETTERS_TOPIC,))}
    known: dict[int, bool] = {}
    for index, row in rows.items():
        if row.topic == DEAD_LETTERS_TOPIC and row.event_id not in new:
            known[index] = True
        new.discard(row.event_id)
    return known


def _no_jsonb(connection: psycopg.Connection, rows: Mapping[int, Row]) -> dict[int, Refusal]:
    """Those whose payload is no jsonb, asked for at once: by halving, a batch of them took longer than it may."""
    parameters = (list(rows), [row.data for row in rows.values()])
    return {index: Refusal("UNSTORABLE", message) for index, message in connection.execute(_NO_JSONB, parameters)}


def _unstorable(connection: psycopg.Connection, rows: Sequence[tuple[int, Row]]) -> Iterator[tuple[int, Refusal]]:
    """Those refused for any other reason, found by halving."""
    try:
        with connection.transaction(force_rollback=True):
            _insert(connection, dict(rows), copied(dict(rows)))
    except _DATA_ERRORS as error:
        if len(rows) == 1:
            yield rows[0][0], Refusal("UNSTORABLE", error.diag.message_primary or type(error).__name__)
            return
        middle = len(rows) // 2
        yield from _unstorable(connection, rows[:middle])
        yield from _unstorable(connection, rows[middle:])
