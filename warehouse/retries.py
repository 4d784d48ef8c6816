"""Retries dead letters.

A dead letter that the current contract cannot read stays, with the current reason. Of the others, landing's own land
in their table like new messages. A message that a service's consumer could not handle has already landed: it is sent to
its topic again, where all other consumers skip it as a duplicate.
"""

import asyncio
from collections import Counter
from dataclasses import asdict, dataclass

import psycopg
from aiokafka import AIOKafkaProducer, ConsumerRecord

from services.contracts.kafka import KafkaSettings
from warehouse import lanes, tables
from warehouse.batch import decoded
from warehouse.copying import Rows
from warehouse.dead_letters import CHOSEN, EVERY, PAGE, Choice
from warehouse.decode import Row
from warehouse.tables import CONSUMER, Outcome

PAGE_BYTES = 32 * 1024 * 1024
"""Maximum bytes of a page of retried dead letters; a larger single one gets its own page."""

LARGEST_BYTES = 2 * 1024 * 1024
"""Maximum size of a message that is sent again; the broker applies the topic's limit."""

_PAGE = f"""
select id from (
    select id, sum(octet_length(value)) over (order by id rows between unbounded preceding and 1 preceding) as bytes
    from raw.dead_letters
    where {CHOSEN} and id > %(after)s and (consumer = %(landing)s) = %(is_ours)s
    order by id limit %(page)s
) as page
where coalesce(bytes, 0) < %(page_bytes)s order by id
"""  # noqa: S608 - put together from the texts above

_TAKE = """
select id, topic, kafka_partition, kafka_offset, key, value
from raw.dead_letters where id = any(%s) and resolved_at is null order by id
for update skip locked
"""

_RESOLVE = "update raw.dead_letters set retried_at = now(), resolved_at = now() where id = any(%s)"
_KEEP = "update raw.dead_letters set retried_at = now(), reason = %s, detail = %s where id = %s"


@dataclass(frozen=True)
class Retried:
    """How many dead letters landed, were duplicates, were sent again, and remain.

    `skipped` ones are with another command, which retries or closes them.
    """

    landed: int = 0
    duplicates: int = 0
    resent: int = 0
    remaining: int = 0
    skipped: int = 0

    def __add__(self, other: "Retried") -> "Retried":
        return Retried(*(mine + asdict(other)[name] for name, mine in asdict(self).items()))


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
        while page := self._page(after, is_ours=is_ours):
            made, after = made + await self._retry_page(kafka, page, is_ours=is_ours), page[-1]
        return made

    async def _retry_page(self, kafka: KafkaSettings, page: list[int], *, is_ours: bool) -> Retried:
        """Retry those of a page that no other command holds."""
        with self.connection.transaction(force_rollback=self.is_trial):
            ids, records = self._take(page)
            rows, refusals = decoded(records)
            skipped = len(page) - len(ids)
            if is_ours:
                outcome = self._land(rows)
                refusals |= outcome.refusals
                done = Retried(sum(outcome.landed.values()), len(outcome.duplicates), 0, len(refusals), skipped)
            else:
                if not self.is_trial:
                    await _send(kafka, [records[index] for index in rows])
                done = Retried(resent=len(rows), remaining=len(refusals), skipped=skipped)
            kept = [(*refusal, ids[index]) for index, refusal in refusals.items()]
            self.connection.cursor().executemany(_KEEP, kept)
            resolved = [number for index, number in enumerate(ids) if index not in refusals]
            self.connection.execute(_RESOLVE, (resolved,))
        return done

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

    def _page(self, after: int, *, is_ours: bool) -> list[int]:
        """The next ids."""
        limits = {"after": after, "landing": CONSUMER, "is_ours": is_ours, "page": PAGE, "page_bytes": PAGE_BYTES}
        found = self.connection.execute(_PAGE, {**self.choice.parameters, **limits}).fetchall()
        return [letter_id for (letter_id,) in found]

    def _take(self, page: list[int]) -> tuple[list[int], list[ConsumerRecord]]:
        """Lock a page's dead letters, except those that others hold; their ids and original messages."""
        letters = self.connection.execute(_TAKE, (page,)).fetchall()
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
