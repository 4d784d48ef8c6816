"""Reconciles the counts of the inserts with the rows of `raw`: no consumed message may be missing.

Only new rows are counted: between the last verified number of each lane and its current number. Verified rows may be
deleted, by retention or by erasure of a user; others may not.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import IsolationLevel, sql

from services.contracts.topics import Topic
from warehouse.offsets import Counts
from warehouse.tables import DEAD_LETTERS_TOPIC

_FOUND = """
select
    lanes.lane, lanes.number, lanes.stored,
    lanes.kafka_partition, coalesce(consumed, 0), coalesce(landed, 0), coalesce(duplicates, 0),
    coalesce(dead_letters, 0), coalesce(partitions.lost, 0),
    lanes.stored - coalesce(verified.stored, 0),
    coalesce(partitions.lost, 0) - coalesce(verified.lost, 0),
    (
        select count(*) from {rows} as rows
        where rows.lane = lanes.lane and rows.number > coalesce(verified.number, 0) and rows.number <= lanes.number
    )
from landing.lanes
left join landing.verified using (lane)
left join landing.partitions using (topic, kafka_partition)
where lanes.topic = %s
order by kafka_partition
"""

_ROWS = "(select lane, number from raw.{table} union all select lane, number from raw.dead_letters)"

_VERIFIED = """
insert into landing.verified (lane, number, stored, lost) values (%s, %s, %s, %s)
on conflict (lane) do update set
    number = excluded.number, stored = excluded.stored, lost = excluded.lost, verified_at = now()
where excluded.number >= verified.number
"""


@dataclass(frozen=True)
class Account:
    """One lane of a topic: its total counts, and the counters and rows since its last verification.

    `stored` is counted by the inserts, `found` are the existing rows and dead letters; `lost` messages were deleted
    unread by retention. The lane without a partition is for retried dead letters and consumes nothing.
    """

    partition: int | None
    counts: Counts
    stored: int
    lost: int
    found: int

    @property
    def is_whole(self) -> bool:
        """Whether every consumed message is accounted for and exists."""
        return self.counts.is_balanced and self.found == self.stored

    def __str__(self) -> str:
        counts = self.counts
        name = "retried dead letters" if self.partition is None else f"partition {self.partition}"
        return (
            f"{name}: {counts.consumed} consumed, {counts.landed} landed + {counts.duplicates} duplicates"
            f" + {counts.dead_letters} dead letters; since it was last verified {self.stored} were stored and"
            f" {self.found} are there, {self.lost} were lost unread"
        )


@contextmanager
def reconciled(url: str, topic: Topic) -> Iterator[list[Account]]:
    """The accounts of a topic's lanes, in one snapshot.

    Once the block has ended, having reported them, complete ones are not counted again; if it fails, all are.

    Args:
        url: the warehouse, as its loader.
        topic: which.
    """
    tables = "raw.dead_letters" if topic.name == DEAD_LETTERS_TOPIC else _ROWS
    query = sql.SQL(_FOUND).format(rows=sql.SQL(tables).format(table=sql.Identifier(topic.table)))
    with psycopg.connect(url) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        rows = connection.execute(query, (topic.name,)).fetchall()
        made = [(lane, number, stored, _account(*account)) for lane, number, stored, *account in rows]
        connection.commit()
        yield [account for *_, account in made]
        connection.cursor().executemany(
            _VERIFIED,
            [(lane, number, stored, each.counts.lost) for lane, number, stored, each in made if each.is_whole],
        )


def _account(partition: int | None, *numbers: int) -> Account:
    return Account(partition, Counts(*numbers[:5]), *numbers[5:])
