"""Lists, counts and closes dead letters, for `tanawari dead-letters` and for imports; `warehouse.retries` retries them.

A dead letter that will never be handled is closed: it is kept, with who closed it and why.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

from warehouse.tables import CONSUMER

PAGE = 1_000


@dataclass(frozen=True)
class Choice:
    """Selects dead letters, open or closed: those that match all given fields."""

    ids: tuple[int, ...] | None = None
    topic: str | None = None
    reason: str | None = None
    consumer: str | None = None
    since: datetime | None = None
    is_closed: bool = False

    @property
    def parameters(self) -> dict[str, Any]:
        """What `CHOSEN` asks for."""
        return {**asdict(self), "ids": None if self.ids is None else list(self.ids)}


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
class Group:
    """The dead letters of one topic, consumer and reason: number, first and last time of failure."""

    topic: str
    consumer: str
    reason: str
    count: int
    first: datetime
    last: datetime


_COLUMNS = """
id, topic, kafka_partition, kafka_offset, reason, detail, consumer, failed_at, retried_at, resolved_at,
closed_by, closed_reason
"""
CHOSEN = """
(case when %(is_closed)s then closed_by is not null else resolved_at is null end)
and (%(ids)s::bigint[] is null or id = any(%(ids)s))
and (%(topic)s::text is null or topic = %(topic)s)
and (%(reason)s::text is null or reason = %(reason)s)
and (%(consumer)s::text is null or consumer = %(consumer)s)
and (%(since)s::timestamptz is null or failed_at >= %(since)s)
"""
"""The condition of a `Choice`."""

_LIST = f"""
select {_COLUMNS} from raw.dead_letters where {CHOSEN} and id > %(after)s order by id limit %(page)s
"""  # noqa: S608 - put together from the texts above

_KINDS = f"""
select topic, consumer, reason, count(*) as count, min(failed_at) as first, max(failed_at) as last
from raw.dead_letters where {CHOSEN}
group by topic, consumer, reason order by count desc, topic, consumer, reason
"""  # noqa: S608 - likewise

_CLOSE = f"""
update raw.dead_letters set resolved_at = now(), closed_by = %(by)s, closed_reason = %(because)s where {CHOSEN}
"""  # noqa: S608 - likewise

_REFUSED = """
select count(*) from raw.dead_letters as letter
join unnest(%s::text[], %s::int[], %s::bigint[], %s::int[]) as sent (topic, kafka_partition, first, number)
on letter.topic = sent.topic and letter.kafka_partition = sent.kafka_partition
and letter.kafka_offset >= sent.first and letter.kafka_offset < sent.first + sent.number
where letter.event_id is null and letter.consumer = %s and letter.id > %s
"""


def list_chosen(url: str, choice: Choice = EVERY) -> Iterator[DeadLetter]:
    """The selected dead letters, oldest first, read in pages."""
    after = 0
    with psycopg.connect(url, row_factory=class_row(DeadLetter)) as connection:
        while page := connection.execute(_LIST, {**choice.parameters, "after": after, "page": PAGE}).fetchall():
            yield from page
            after = page[-1].id


def groups(url: str, choice: Choice = EVERY) -> list[Group]:
    """The selected dead letters, counted by topic, consumer and reason, the most frequent first."""
    with psycopg.connect(url, row_factory=class_row(Group)) as connection:
        return connection.execute(_KINDS, choice.parameters).fetchall()


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
        return connection.execute(_CLOSE, {**choice.parameters, "by": by, "because": because}).rowcount


def newest(url: str) -> int:
    """The id of the newest dead letter, 0 if there is none."""
    with psycopg.connect(url) as connection:
        (found,) = connection.execute("select coalesce(max(id), 0) from raw.dead_letters").fetchone() or (0,)
    return int(found)


def refused(url: str, sent: Sequence[tuple[str, int, int, int]], *, after: int) -> int:
    """How many of these messages landing has refused.

    Args:
        url: the warehouse, as its loader.
        sent: topic, partition, first offset and number of messages.
        after: the newest dead letter before they were sent: a broker's new log uses the offsets of the old one again.
    """
    columns = [list(column) for column in zip(*sent, strict=True)] or [[], [], [], []]
    with psycopg.connect(url) as connection:
        (found,) = connection.execute(_REFUSED, (*columns, CONSUMER, after)).fetchone() or (0,)
    return int(found)
