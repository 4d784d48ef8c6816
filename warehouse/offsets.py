"""Owners and offsets of partitions, in `landing.partitions`.

A claim increments the partition's epoch. A batch is written only if the epoch is still the one it was fetched under, so
the next write of a process that was frozen past its session, and woken after another took over, is refused.
"""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import psycopg
from aiokafka import TopicPartition

from warehouse import lanes


class FencedError(Exception):
    """Another process has claimed a partition of this batch; the batch must be dropped and the group rejoined."""


@dataclass(frozen=True)
class Claim:
    """The right to land one partition from `next_offset` on, in a log that was recreated `restarts` times.

    An offset plus `shift` is the number of that message in its lane.
    """

    epoch: int
    next_offset: int
    restarts: int
    lane: int
    shift: int


@dataclass(frozen=True)
class Span:
    """The part of one partition's log that a batch covers: from the claim's offset to `end`, exclusive.

    The first `lost` offsets of it were deleted by retention before they could be fetched.
    """

    claim: Claim
    end: int
    consumed: int
    lost: int = 0


@dataclass(frozen=True)
class Counts:
    """Counts of messages: each consumed one is one of the next three; lost ones were never consumed."""

    consumed: int = 0
    landed: int = 0
    duplicates: int = 0
    dead_letters: int = 0
    lost: int = 0

    @property
    def is_balanced(self) -> bool:
        """Whether every consumed message is accounted for."""
        return self.consumed == self.landed + self.duplicates + self.dead_letters

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*(mine + theirs for mine, theirs in zip(self.values, other.values, strict=True)))

    def __sub__(self, other: "Counts") -> "Counts":
        return Counts(*(mine - theirs for mine, theirs in zip(self.values, other.values, strict=True)))

    @property
    def values(self) -> tuple[int, int, int, int, int]:
        """All five, in the order of the columns."""
        return self.consumed, self.landed, self.duplicates, self.dead_letters, self.lost


_IS_SAME = "(starts_with(known.log_id || '/', {0} || '/') or starts_with({0} || '/', known.log_id || '/'))"
"""Whether a partition still has the log that it was landed from; one of the two may lack the id of the topic."""

_CLAIM = """
insert into landing.partitions as known (topic, kafka_partition, log_id, next_offset, owner)
select topic, kafka_partition, log_id, 0, %(owner)s
from unnest(%(topics)s::text[], %(partitions)s::int[], %(log_ids)s::text[]) as wanted (topic, kafka_partition, log_id)
order by topic, kafka_partition
on conflict (topic, kafka_partition) do update set
    owner = excluded.owner,
    epoch = known.epoch + 1,
    log_id = case when {is_same} then greatest(known.log_id, excluded.log_id) else excluded.log_id end,
    next_offset = case when {is_same} then known.next_offset else 0 end,
    restarts = known.restarts + (not {is_same})::int,
    updated_at = now()
returning topic, kafka_partition, epoch, next_offset, restarts
""".format(is_same=_IS_SAME.format("excluded.log_id"))

_STORED = """
select topic, kafka_partition, next_offset
from landing.partitions as known
join unnest(%s::text[], %s::text[]) as wanted (topic, log_id) using (topic)
where {is_same}
""".format(is_same=_IS_SAME.format("wanted.log_id"))

_RESTART = """
update landing.partitions set next_offset = 0, restarts = restarts + 1, updated_at = now()
where topic = %s and kafka_partition = %s and epoch = %s
"""

_LOCK = """
select topic, kafka_partition, epoch, next_offset
from landing.partitions
join unnest(%s::text[], %s::int[]) as wanted (topic, kafka_partition) using (topic, kafka_partition)
order by topic, kafka_partition
for update of partitions
"""

_ADVANCE = """
update landing.partitions set
    next_offset = %s, consumed = consumed + %s, landed = landed + %s, duplicates = duplicates + %s,
    dead_letters = dead_letters + %s, lost = lost + %s, updated_at = now()
where topic = %s and kafka_partition = %s
"""


def claim(
    connection: psycopg.Connection,
    partitions: Collection[TopicPartition],
    log_ids: Mapping[str, str],
    owner: uuid.UUID,
) -> dict[TopicPartition, Claim]:
    """Take partitions over from their owner, once its running transaction has ended.

    Args:
        connection: in its own transaction.
        partitions: the partitions assigned to this process.
        log_ids: the id of each topic's log; offsets of another one are void, and it is read from the start.
        owner: this process, for information.
    """
    topics, numbers = zip(*partitions, strict=True)
    ids = [log_ids[topic] for topic in topics]
    parameters = {"topics": list(topics), "partitions": list(numbers), "log_ids": ids, "owner": owner}
    rows = connection.execute(_CLAIM, parameters).fetchall()
    return _numbered(connection, {TopicPartition(topic, number): claimed for topic, number, *claimed in rows})


def lock(connection: psycopg.Connection, spans: Mapping[TopicPartition, Span]) -> bool:
    """Lock the partitions' rows until the transaction ends; False if the batch was already written.

    That happens when the connection broke before the response to the commit arrived.

    Raises:
        FencedError: a partition has been claimed by another since.
    """
    topics, numbers = zip(*spans, strict=True)
    rows = connection.execute(_LOCK, (list(topics), list(numbers))).fetchall()
    stored = {TopicPartition(topic, number): (epoch, offset) for topic, number, epoch, offset in rows}
    if stored == {partition: (span.claim.epoch, span.claim.next_offset) for partition, span in spans.items()}:
        return True
    if stored == {partition: (span.claim.epoch, span.end) for partition, span in spans.items()}:
        return False
    raise FencedError(", ".join(f"{topic}/{number}" for topic, number in spans))


def advance(
    connection: psycopg.Connection, spans: Mapping[TopicPartition, Span], counts: Mapping[TopicPartition, Counts]
) -> None:
    """Store each partition's next offset, and its counts."""
    rows = [(span.end, *counts[part].values, part.topic, part.partition) for part, span in spans.items()]
    connection.cursor().executemany(_ADVANCE, rows)
    lanes.advance(
        connection,
        {
            span.claim.lane: (span.end - 1 + span.claim.shift, counts[part].landed + counts[part].dead_letters)
            for part, span in spans.items()
        },
    )


def restart(connection: psycopg.Connection, claims: Mapping[TopicPartition, Claim]) -> dict[TopicPartition, Claim]:
    """Restart partitions whose log is now shorter than what landed from it; returns the new claims.

    Raises:
        FencedError: a partition has been claimed by another since.
    """
    for partition, claimed in claims.items():
        key = (partition.topic, partition.partition, claimed.epoch)
        if not connection.execute(_RESTART, key).rowcount:
            raise FencedError(f"{partition.topic}/{partition.partition}")
    return _numbered(connection, {partition: (each.epoch, 0, each.restarts + 1) for partition, each in claims.items()})


def _numbered(
    connection: psycopg.Connection, claimed: Mapping[TopicPartition, Sequence[int]]
) -> dict[TopicPartition, Claim]:
    """Claims of epoch, offset and restarts, whose next messages have the next numbers of their lanes."""
    numbers = lanes.take(connection, claimed.keys(), 0)
    return {
        partition: Claim(epoch, offset, restarts, numbers[partition].lane, numbers[partition].first - offset)
        for partition, (epoch, offset, restarts) in claimed.items()
    }


def stored_offsets(connection: psycopg.Connection, log_ids: Mapping[str, str]) -> dict[TopicPartition, int]:
    """The next offset of every partition that was landed from these logs."""
    rows = connection.execute(_STORED, (list(log_ids), list(log_ids.values())))
    return {TopicPartition(topic, number): offset for topic, number, offset in rows}


def totals(connection: psycopg.Connection) -> dict[str, Counts]:
    """The counts of each topic's messages since the warehouse was created."""
    rows = connection.execute("""
        select topic, sum(consumed)::bigint, sum(landed)::bigint, sum(duplicates)::bigint, sum(dead_letters)::bigint,
            sum(lost)::bigint
        from landing.partitions group by topic order by topic""")
    return {topic: Counts(*counts) for topic, *counts in rows}
