"""Numbers the rows of `raw`, so that whoever reads by number reads each row once, whoever writes when.

A lane is a partition of a topic; the dead letters of a topic that are retried have one of their own, whose partition is
None. Who writes holds the lane until the commit, so that no number becomes visible before a smaller one of its lane: a
partition's through its row in `landing.partitions`, which has one owner, the others by taking numbers. Numbers go on
when the broker's log begins anew; some are never used. The truth is `landing.lanes`.
"""

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

import psycopg

Place = tuple[str, int | None]
"""A topic and its partition, or None: what one lane is for. A `TopicPartition` is one."""


class Numbers(NamedTuple):
    """Numbers of a lane that nobody else uses: `first` and those that follow."""

    lane: int
    first: int


Numbering = Callable[[int], tuple[int, int]]
"""Gives lane and number of a message, by its index in a batch."""

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
    """Take so many numbers of each of these lanes, and hold them until the transaction ends; makes what is missing."""
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
    """Store for each lane the largest number that has been used, and how much more is stored in it."""
    rows = [(number, stored, lane) for lane, (number, stored) in sorted(written.items())]
    connection.cursor().executemany(_ADVANCE, rows)
