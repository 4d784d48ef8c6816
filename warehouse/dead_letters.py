"""Lists, retries and closes dead letters: the functions of `tanawari dead-letters`.

A dead letter that the current contract cannot read stays, with the current reason. Of the others, landing's own land
in their table like new messages. A message that a service's consumer could not handle has already landed: it is sent to
its topic again, where all other consumers skip it as a duplicate.

A dead letter that will never be handled is closed: it is kept, with who closed it and why.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import psycopg
from aiokafka import AIOKafkaProducer, ConsumerRecord
from psycopg.rows import class_row

from services.contracts.kafka import KafkaSettings
from warehouse import lanes, tables
from warehouse.batch import decoded
from warehouse.copying import Rows
from warehouse.decode import Row
from warehouse.tables import CONSUMER, Outcome

PAGE = 1_000
PAGE_BYTES = 32 * 1024 * 1024
"""Maximum bytes of a page of retried dead letters; a larger single one gets its own page."""

LARGEST_BYTES = 2 * 1024 * 1024
"""Maximum size of a message that is sent again; the broker applies the topic's limit."""


@dataclass(frozen=True)
class Choice:
    """Selects dead letters, open or closed: those that match all given fields."""

    ids: tuple[int, ...] | None = None
    topic: str | None = None
    reason: str | None = None
    consumer: str | None = None
    since: datetime | None = None
    is_closed: bool = False


EVERY = Choice()


@dataclass(frozen=True)
class DeadLetter:
    """One message that could not be handled, without its bytes, which may contain personal data."""

    id: int
    topic: str
    kafka_partition: int
    kafka_offset: int
    reason: str
    detail: str
    consumer: str
    failed_at: datetime
    retried_at: datetime | None
    resolved_at: datetime | None
    closed_by: str | None
    closed_reason: str | None


@dataclass(frozen=True)
class Message(DeadLetter):
    """A dead letter with its bytes."""

    key: bytes | None
    value: bytes | None


@dataclass(frozen=True)
class Kind:
    """A group of similar dead letters, with the times of the first and the last failure."""

    topic: str
    consumer: str
    reason: str
    letters: int
    first: datetime
    last: datetime


@dataclass(frozen=True)
class Retried:
    """How many dead letters landed, were duplicates, were sent again, and remain."""

    landed: int = 0
    duplicates: int = 0
    resent: int = 0
    remaining: int = 0

    def __add__(self, other: "Retried") -> "Retried":
        return Retried(*(mine + asdict(other)[name] for name, mine in asdict(self).items()))


_COLUMNS = """
id, topic, kafka_partition, kafka_offset, reason, detail, consumer, failed_at, retried_at, resolved_at,
closed_by, closed_reason
"""
_CHOSEN = """
(case when %(is_closed)s then closed_by is not null else resolved_at is null end)
and (%(ids)s::bigint[] is null or id = any(%(ids)s))
and (%(topic)s::text is null or topic = %(topic)s)
and (%(reason)s::text is null or reason = %(reason)s)
and (%(consumer)s::text is null or consumer = %(consumer)s)
and (%(since)s::timestamptz is null or failed_at >= %(since)s)
"""

_LIST = f"""
select {_COLUMNS} from raw.dead_letters where {_CHOSEN} and id > %(after)s order by id limit %(page)s
"""  # noqa: S608 - put together from the texts above

_KINDS = f"""
select topic, consumer, reason, count(*) as letters, min(failed_at) as first, max(failed_at) as last
from raw.dead_letters where {_CHOSEN}
group by topic, consumer, reason order by letters desc, topic, consumer, reason
"""  # noqa: S608 - likewise

_TAKE = f"""
with page as (
    select id, sum(octet_length(value)) over (order by id) - octet_length(value) as bytes_before
    from raw.dead_letters
    where {_CHOSEN} and id > %(after)s and (consumer = %(landing)s) = %(is_ours)s
    order by id limit %(page)s
)
select id, topic, kafka_partition, kafka_offset, key, value
from raw.dead_letters
where resolved_at is null and id in (select id from page where coalesce(bytes_before, 0) < %(page_bytes)s)
order by id
for update skip locked
"""  # noqa: S608 - likewise

_RESOLVE = "update raw.dead_letters set retried_at = now(), resolved_at = now() where id = any(%s)"
_CLOSE = f"""
update raw.dead_letters set resolved_at = now(), closed_by = %(by)s, closed_reason = %(because)s where {_CHOSEN}
"""  # noqa: S608 - likewise
_KEEP = "update raw.dead_letters set retried_at = now(), reason = %s, detail = %s where id = %s"


def list_chosen(url: str, choice: Choice = EVERY) -> Iterator[DeadLetter]:
    """The selected dead letters, oldest first, read in pages."""
    after = 0
    with psycopg.connect(url, row_factory=class_row(DeadLetter)) as connection:
        while page := connection.execute(_LIST, {**_said(choice), "after": after, "page": PAGE}).fetchall():
            yield from page
            after = page[-1].id


def kinds(url: str, choice: Choice = EVERY) -> list[Kind]:
    """The selected dead letters, counted by topic, consumer and reason, the most frequent first."""
    with psycopg.connect(url, row_factory=class_row(Kind)) as connection:
        return connection.execute(_KINDS, _said(choice)).fetchall()


def show(url: str, letter_id: int) -> Message:
    """One dead letter, open or resolved, with its bytes.

    Raises:
        KeyError: there is none with that id.
    """
    query = f"select {_COLUMNS}, key, value from raw.dead_letters where id = %s"  # noqa: S608 - our own columns
    with psycopg.connect(url, row_factory=class_row(Message)) as connection:
        message = connection.execute(query, (letter_id,)).fetchone()
    if message is None:
        raise KeyError(letter_id)
    return message


def close(url: str, choice: Choice, *, because: str, by: str, is_trial: bool = False) -> int:
    """Close open dead letters for good; returns how many.

    Args:
        url: the warehouse, as its loader.
        choice: which.
        because: the reason.
        by: the user.
        is_trial: only count them.
    """
    with psycopg.connect(url) as connection, connection.transaction(force_rollback=is_trial):
        return connection.execute(_CLOSE, {**_said(choice), "by": by, "because": because}).rowcount


async def retry(url: str, kafka: KafkaSettings, choice: Choice = EVERY, *, is_trial: bool = False) -> Retried:
    """Retry open dead letters; one transaction per page.

    Args:
        url: the warehouse, as its loader.
        kafka: the broker, for messages that services' consumers could not handle.
        choice: which.
        is_trial: only count the outcomes; nothing is written or sent.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        tables.prepare(connection)
        pages = _Pages(connection, choice, is_trial=is_trial)
        return await pages.retry(kafka, is_ours=True) + await pages.retry(kafka, is_ours=False)


@dataclass(frozen=True)
class _Pages:
    """The selected dead letters, page by page."""

    connection: psycopg.Connection
    choice: Choice
    is_trial: bool

    async def retry(self, kafka: KafkaSettings, *, is_ours: bool) -> Retried:
        """Retry landing's own, or those of services."""
        made, after = Retried(), 0
        while True:
            with self.connection.transaction(force_rollback=self.is_trial):
                ids, records = self._take(after, is_ours=is_ours)
                if not ids:
                    return made
                rows, refusals = decoded(records)
                if is_ours:
                    outcome = self._land(rows)
                    refusals |= outcome.refusals
                    done = Retried(sum(outcome.landed.values()), len(outcome.duplicates), 0, len(refusals))
                else:
                    if not self.is_trial:
                        await _send(kafka, [records[index] for index in rows])
                    done = Retried(resent=len(rows), remaining=len(refusals))
                kept = [(*refusal, ids[index]) for index, refusal in refusals.items()]
                self.connection.cursor().executemany(_KEEP, kept)
                resolved = [number for index, number in enumerate(ids) if index not in refusals]
                self.connection.execute(_RESOLVE, (resolved,))
            made, after = made + done, ids[-1]

    def _land(self, rows: dict[int, Row]) -> Outcome:
        """Land rows in the retry lanes, whatever partitions they came from."""
        places = {(row.topic, None) for row in rows.values()}
        taken = lanes.take(self.connection, places, 1 + max(rows, default=0))

        def number(index: int) -> tuple[int, int]:
            lane, first = taken[rows[index].topic, None]
            return lane, first + index

        outcome = tables.insert(self.connection, Rows.of(rows, number))
        stored: Counter[int] = Counter()
        for (topic, _), count in outcome.landed.items():
            stored[taken[topic, None].lane] += count
        lanes.advance(self.connection, {lane: (0, count) for lane, count in stored.items()})
        return outcome

    def _take(self, after: int, *, is_ours: bool) -> tuple[list[int], list[ConsumerRecord]]:
        """A locked page of dead letters, with their original messages."""
        limits = {"after": after, "landing": CONSUMER, "is_ours": is_ours, "page": PAGE, "page_bytes": PAGE_BYTES}
        letters = self.connection.execute(_TAKE, {**_said(self.choice), **limits}).fetchall()
        records = [
            ConsumerRecord(topic, partition, offset, 0, 0, key, value, None, len(key or b""), len(value or b""), ())
            for _, topic, partition, offset, key, value in letters
        ]
        return [letter[0] for letter in letters], records


async def _send(kafka: KafkaSettings, records: list[ConsumerRecord]) -> None:
    """Send messages to their topics again; returns when all are acknowledged."""
    if not records:
        return
    producer = AIOKafkaProducer(**kafka.client_arguments(), acks="all", max_request_size=LARGEST_BYTES)
    try:
        async with kafka.explained():
            await producer.start()
        sent = [await producer.send(record.topic, record.value, key=record.key) for record in records]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


def _said(choice: Choice) -> dict[str, Any]:
    return {**asdict(choice), "ids": None if choice.ids is None else list(choice.ids)}
