"""Numbers the rows of `raw`, so that a reader by number reads each row exactly once, whatever the order of commits.

A lane is a partition of a topic; the retried dead letters of a topic have their own lane, whose partition is None. A
writer locks the lane until the commit, so that no number becomes visible before a smaller one of its lane: a
partition's through its row in `landing.partitions`, which has one owner, the others by taking numbers. Numbers continue
when the broker's log is recreated; some are never used. The state is in `landing.lanes`.
"""

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

import psycopg

Place = tuple[str, int | None]
"""The key of a lane: a topic and its partition, or None. A `TopicPartition` is one."""


class Numbers(NamedTuple):
    """A reserved range of numbers of a lane: `first` and the following ones."""

    lane: int
    first: int


Numbering = Callable[[int], tuple[int, int]]
"""Lane and number of a message, by its index in a batch."""

_MAKE = """
insert into landing.lanes (topic, kafka_partition)
select topic, kafka_partition from unnest(%(topics)s::text[], %(partitions)s::int[]) as wanted (topic, kafka_partition)
where not exists (
    select from landing.lanes as known
    where known.topic = wanted.topic and known.kafka_partition is not distinct from wanted.kafka_partition
)
order by topic, kafka_partition
on conflict do nothing
"""

_TAKE = """
with held as (
    select lanes.lane
    from landing.lanes join unnest(%(topics)s::text[], %(partitions)s::int[]) as wanted (topic, kafka_partition)
        on lanes.topic = wanted.topic and lanes.kafka_partition is not distinct from wanted.kafka_partition
    order by lanes.lane
    for update of lanes
)
update landing.lanes set number = number + %(count)s from held where lanes.lane = held.lane
returning topic, kafka_partition, lanes.lane, number - %(count)s + 1
"""

_ADVANCE = "update landing.lanes set number = greatest(number, %s), stored = stored + %s where lane = %s"


def take(connection: psycopg.Connection, places: Collection[Place], count: int) -> dict[Place, Numbers]:
    """Reserve numbers in each of these lanes, and lock the lanes until the transaction ends; creates missing lanes."""
    if not places:
        return {}
    topics, partitions = map(list, zip(*places, strict=True))
    parameters = {"topics": topics, "partitions": partitions, "count": count}
    rows = connection.execute(_TAKE, parameters).fetchall()
    taken = {(topic, partition): Numbers(lane, first) for topic, partition, lane, first in rows}
    if missing := [place for place in places if place not in taken]:
        connection.execute(_MAKE, parameters)
        taken |= take(connection, missing, count)
    return taken


def advance(connection: psycopg.Connection, written: Mapping[int, tuple[int, int]]) -> None:
    """Update for each lane the largest used number, and its count of stored rows."""
    rows = [(number, stored, lane) for lane, (number, stored) in sorted(written.items())]
    connection.cursor().executemany(_ADVANCE, rows)
