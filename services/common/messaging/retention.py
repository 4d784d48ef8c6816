"""Removes published events from an outbox: a row stays as long as its topic keeps the message, maybe for good.

The relay looks at a few rows every few seconds, from the oldest to the newest and again, so that no index on the time
is needed and nobody waits for it.
"""

import time
from typing import LiteralString

import psycopg

from services.contracts.topics import TOPICS

SWEEP_SECONDS = 5.0
ROWS = 500
_SWEEP: LiteralString = """
    WITH seen AS (SELECT id FROM outbox WHERE id > %(after)s ORDER BY id LIMIT %(rows)s),
    kept AS (SELECT * FROM unnest(%(topics)s::text[], %(seconds)s::float8[]) AS given (topic, seconds)),
    removed AS (
        DELETE FROM outbox USING seen, kept WHERE outbox.id = seen.id AND outbox.topic = kept.topic
        AND outbox.published_at < now() - make_interval(secs => kept.seconds)
    )
    SELECT coalesce(max(id), 0) FROM seen
"""
_SECONDS = {name: topic.retention_ms / 1000 for name, topic in TOPICS.items() if topic.retention_ms >= 0}


class Retention:
    """Walks through one outbox."""

    def __init__(self) -> None:
        self._sweep_at = 0.0
        self._after = 0

    async def sweep(self, connection: psycopg.AsyncConnection) -> None:
        """Remove what the next rows hold of old events, unless that was just done."""
        if time.monotonic() < self._sweep_at:
            return
        self._sweep_at = time.monotonic() + SWEEP_SECONDS
        kept = {"topics": list(_SECONDS), "seconds": list(_SECONDS.values())}
        row = await (await connection.execute(_SWEEP, {"after": self._after, "rows": ROWS, **kept})).fetchone()
        (self._after,) = row or (0,)
