"""Puts decoded messages into `raw`: COPY into a temporary table, then one INSERT a topic that skips known ids."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import psycopg
from aiokafka import ConsumerRecord
from psycopg import errors, sql

from services.contracts.topics import TOPICS
from warehouse.decode import Row
from warehouse.lanes import Taken

DEAD_LETTERS_TOPIC = "dead-letters.v1"
"""Its messages land in `raw.dead_letters`, beside those of the landing itself."""

CONSUMER = "landing"

_DATA_ERRORS = (psycopg.DataError, errors.ProgramLimitExceeded, errors.StatementTooComplex)

_NULL = r"\N"

_STAGED = """
create temporary table if not exists staged (
    index int, event_id uuid, event_type text, schema_version int, occurred_at timestamptz, producer text, key text,
    data jsonb, topic text, kafka_partition int, kafka_offset bigint, traceparent text, unknown_fields jsonb
) on commit delete rows
"""

_REFUSED = """
create temporary table if not exists refused (
    index int, topic text, kafka_partition int, kafka_offset bigint, key bytea, value bytea, reason text, detail text
) on commit delete rows
"""

_COLUMNS = sql.SQL(", ").join(map(sql.Identifier, Row._fields))

_NUMBERED = """
(
    select staged.*, taken.lane, taken.first + index as number
    from staged join unnest(%(partitions)s::int[], %(lanes)s::int[], %(firsts)s::bigint[])
        as taken (kafka_partition, lane, first) using (kafka_partition)
    where topic = %(topic)s
) as staged
"""

_INSERT = f"""
insert into raw.{{table}} ({{columns}}, lane, number)
select {{columns}}, lane, number from {_NUMBERED} order by index
on conflict (event_id) do nothing
"""  # noqa: S608 - put together from the texts above

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

_KNOWN = f"""
select
    staged.index,
    (known.event_type, known.schema_version, known.producer, known.key, known.data)
    is not distinct from
    (staged.event_type, staged.schema_version, staged.producer, staged.key, staged.data)
    and (known.occurred_at = staged.occurred_at or %(is_stamped)s)
from {_NUMBERED} join raw.{{table}} as known using (event_id)
where (known.lane, known.number) <> (staged.lane, staged.number)
"""  # noqa: S608 - likewise

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


def insert(connection: psycopg.Connection, rows: Mapping[int, Row], text: str, taken: Taken) -> Outcome:
    """Insert rows into the tables of their topics, within the caller's transaction, on a prepared connection.

    Rows that Postgres refuses although the contract allows them (a number beyond numeric's range, say) are refused,
    while the others land.

    Args:
        connection: in a transaction.
        rows: by an index of the caller's, in the order in which the first of equal ids wins.
        text: the rows, `copied`: made beforehand, so that Postgres does not wait for it.
        taken: for each topic and partition of theirs, as many numbers as the largest index needs.
    """
    unstorable: dict[int, Refusal] = {}
    try:
        known = _insert(connection, rows, text, taken)
    except _DATA_ERRORS:
        unstorable = _no_jsonb(connection, rows)
        rest = [(index, row) for index, row in rows.items() if index not in unstorable]
        unstorable |= _unstorable(connection, rest, taken)
        storable = {index: row for index, row in rows.items() if index not in unstorable}
        known = _insert(connection, storable, copied(storable), taken)
    conflict = Refusal("CONFLICT", "this eventId exists with other content")
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


def _insert(connection: psycopg.Connection, rows: Mapping[int, Row], text: str, taken: Taken) -> dict[int, bool]:
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
            given = {"topic": topic, "is_stamped": TOPICS[topic].is_stamped, **_numbers(topic, taken)}
            if connection.execute(sql.SQL(_INSERT).format(**names), given).rowcount < staged:
                known |= dict(connection.execute(sql.SQL(_KNOWN).format(**names), given).fetchall())
    return known


def _numbers(topic: str, taken: Taken) -> dict[str, list[Any]]:
    """What was taken for a topic, as arrays for `_NUMBERED`."""
    of_topic = [(place[1], *numbers) for place, numbers in taken.items() if place[0] == topic]
    return dict(zip(("partitions", "lanes", "firsts"), map(list, zip(*of_topic, strict=True)), strict=True))


def _text_of(row: Row) -> str:
    key = _NULL if row.key is None else _escaped(row.key)
    return (
        f"{row.event_id}\t{row.event_type}\t{row.schema_version}\t{row.occurred_at}\t{_escaped(row.producer)}\t{key}\t"
        f"{_escaped(row.data)}\t{row.topic}\t{row.kafka_partition}\t{row.kafka_offset}\t"
        f"{row.traceparent or _NULL}\t{_NULL if row.unknown_fields is None else _escaped(row.unknown_fields)}"
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
    """Those of which a part is no jsonb, asked for at once: by halving, a batch of them took longer than it may."""
    given = [(index, text) for index, row in rows.items() for text in (row.data, row.unknown_fields) if text]
    parameters = list(map(list, zip(*given, strict=True)))
    return {index: Refusal("UNSTORABLE", message) for index, message in connection.execute(_NO_JSONB, parameters)}


def _unstorable(
    connection: psycopg.Connection, rows: Sequence[tuple[int, Row]], taken: Taken
) -> Iterator[tuple[int, Refusal]]:
    """Those refused for any other reason, found by halving."""
    try:
        with connection.transaction(force_rollback=True):
            _insert(connection, dict(rows), copied(dict(rows)), taken)
    except _DATA_ERRORS as error:
        if len(rows) == 1:
            yield rows[0][0], Refusal("UNSTORABLE", error.diag.message_primary or type(error).__name__)
            return
        middle = len(rows) // 2
        yield from _unstorable(connection, rows[:middle], taken)
        yield from _unstorable(connection, rows[middle:], taken)
