"""Looks at dead letters, and tries them again once their cause is mended: what `tanawari dead-letters` calls.

A letter of the landing's own is tried against the contract as it now is: what can be read lands in its table as if it
had just arrived, the rest stays with the reason of today. A letter that a service's consumer gave up has landed long
since; it is sent to its topic again, where all but that consumer know it as a duplicate.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from aiokafka import AIOKafkaProducer, ConsumerRecord
from psycopg.rows import class_row

from warehouse import tables
from warehouse.store import Batch
from warehouse.tables import CONSUMER

PAGE = 1_000
PAGE_BYTES = 32 * 1024 * 1024
"""What a page of letters that are tried again holds in bytes, but for one that is larger by itself."""


@dataclass(frozen=True)
class DeadLetter:
    """One message that could not be handled; its bytes are left out, for they may hold personal data."""

    id: int
    topic: str
    kafka_partition: int
    kafka_offset: int
    reason: str
    detail: str
    consumer: str
    failed_at: datetime
    retried_at: datetime | None


@dataclass(frozen=True)
class Message:
    """The bytes of a dead letter."""

    key: bytes | None
    value: bytes | None


@dataclass(frozen=True)
class Retried:
    """How many letters landed, were sent again, and stay dead letters."""

    landed: int = 0
    resent: int = 0
    remaining: int = 0


_LIST = """
select id, topic, kafka_partition, kafka_offset, reason, detail, consumer, failed_at, retried_at
from raw.dead_letters
where resolved_at is null and id > %s and (%s::text is null or topic = %s)
order by id limit %s
"""

_TAKE = """
with page as (
    select id, sum(octet_length(value)) over (order by id) - octet_length(value) as bytes_before
    from raw.dead_letters
    where resolved_at is null and id > %s and (%s::bigint[] is null or id = any(%s)) and (consumer = %s) = %s
    order by id limit %s
)
select id, topic, kafka_partition, kafka_offset, key, value
from raw.dead_letters
where resolved_at is null and id in (select id from page where coalesce(bytes_before, 0) < %s)
order by id
for update skip locked
"""

_RESOLVE = "update raw.dead_letters set retried_at = now(), resolved_at = now() where id = any(%s)"
_KEEP = "update raw.dead_letters set retried_at = now(), reason = %s, detail = %s where id = %s"


def list_open(url: str, *, topic: str | None = None) -> Iterator[DeadLetter]:
    """The unresolved dead letters, oldest first, asked for by pages."""
    after = 0
    with psycopg.connect(url, row_factory=class_row(DeadLetter)) as connection:
        while page := connection.execute(_LIST, (after, topic, topic, PAGE)).fetchall():
            yield from page
            after = page[-1].id


def show(url: str, letter_id: int) -> Message:
    """The bytes of one dead letter.

    Raises:
        KeyError: there is none of that id.
    """
    with psycopg.connect(url, row_factory=class_row(Message)) as connection:
        message = connection.execute("select key, value from raw.dead_letters where id = %s", (letter_id,)).fetchone()
    if message is None:
        raise KeyError(letter_id)
    return message


async def retry(url: str, kafka_url: str, ids: Sequence[int] | None = None) -> Retried:
    """Try unresolved dead letters again, all of them or those named; a transaction a page.

    Args:
        url: the warehouse, as its loader.
        kafka_url: the broker, for letters that services' consumers gave up.
        ids: which; unknown and resolved ones are passed over.
    """
    chosen = None if ids is None else list(ids)
    with psycopg.connect(url, autocommit=True) as connection:
        tables.prepare(connection)
        landed, remaining = _land_all(connection, chosen)
        resent = await _resend_all(connection, kafka_url, chosen)
    return Retried(landed, resent, remaining)


def _take(
    connection: psycopg.Connection, ids: list[int] | None, after: int, *, is_ours: bool
) -> tuple[list[int], list[ConsumerRecord]]:
    """A page of letters, locked, and their messages as they first came."""
    letters = connection.execute(_TAKE, (after, ids, ids, CONSUMER, is_ours, PAGE, PAGE_BYTES)).fetchall()
    messages = [
        ConsumerRecord(topic, partition, offset, 0, 0, key, value, None, len(key or b""), len(value or b""), ())
        for _, topic, partition, offset, key, value in letters
    ]
    return [letter[0] for letter in letters], messages


def _land_all(connection: psycopg.Connection, chosen: list[int] | None) -> tuple[int, int]:
    landed = remaining = after = 0
    while True:
        with connection.transaction():
            ids, records = _take(connection, chosen, after, is_ours=True)
            if not ids:
                return landed, remaining
            batch = Batch.of(records, {})
            refusals = batch.refusals | tables.insert(connection, batch.rows).refusals
            kept = [(*refusal, ids[index]) for index, refusal in refusals.items()]
            connection.cursor().executemany(_KEEP, kept)
            connection.execute(_RESOLVE, ([number for index, number in enumerate(ids) if index not in refusals],))
        landed, remaining, after = landed + len(ids) - len(kept), remaining + len(kept), ids[-1]


async def _resend_all(connection: psycopg.Connection, kafka_url: str, chosen: list[int] | None) -> int:
    resent = after = 0
    while True:
        with connection.transaction():
            ids, records = _take(connection, chosen, after, is_ours=False)
            if not ids:
                return resent
            async with AIOKafkaProducer(bootstrap_servers=kafka_url, acks="all") as producer:
                for record in records:
                    await producer.send_and_wait(record.topic, record.value, key=record.key)
            connection.execute(_RESOLVE, (ids,))
        resent, after = resent + len(ids), ids[-1]
