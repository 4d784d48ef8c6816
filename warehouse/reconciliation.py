"""Holds the landing's books against what stands in `raw`: of what was consumed, nothing may be missing."""

from dataclasses import dataclass

import psycopg
from psycopg import sql

from services.contracts.topics import Topic
from warehouse.offsets import Counts

_ACCOUNTS = """
with events as (select kafka_partition, count(*) as rows from raw.{table} group by kafka_partition),
letters as (
    select kafka_partition, count(*) as letters from raw.dead_letters
    where topic = %(topic)s and event_id is null and consumer = 'landing'
    group by kafka_partition
)
select
    kafka_partition, consumed, landed, duplicates, dead_letters, coalesce(events.rows, 0), coalesce(letters.letters, 0)
from landing.partitions left join events using (kafka_partition) left join letters using (kafka_partition)
where topic = %(topic)s
order by kafka_partition
"""


@dataclass(frozen=True)
class Account:
    """One partition of a topic: what became of its messages by the books, and the rows and dead letters there are."""

    partition: int
    counts: Counts
    rows: int
    letters: int

    @property
    def is_balanced(self) -> bool:
        """Whether all is accounted for and there; more rows than landed are dead letters that landed by a retry."""
        counts = self.counts
        is_whole = counts.consumed == counts.landed + counts.duplicates + counts.dead_letters
        return is_whole and self.rows >= counts.landed and self.letters >= counts.dead_letters

    def __str__(self) -> str:
        counts = self.counts
        return (
            f"partition {self.partition}: {counts.consumed} consumed, {counts.landed} landed + {counts.duplicates}"
            f" duplicates + {counts.dead_letters} dead letters; there are {self.rows} rows and {self.letters} letters"
        )


def accounts(url: str, topic: Topic) -> list[Account]:
    """The accounts of a topic's partitions, all as of one moment; it counts the whole table, so it reads all of it.

    Args:
        url: the warehouse, as its loader.
        topic: one that has a table of its own.
    """
    query = sql.SQL(_ACCOUNTS).format(table=sql.Identifier(topic.table))
    with psycopg.connect(url) as connection:
        found = connection.execute(query, {"topic": topic.name}).fetchall()
    return [Account(number, Counts(*counts), rows, letters) for number, *counts, rows, letters in found]
