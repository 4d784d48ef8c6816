"""Metrics of an outbox: pending events, their age, and refused ones. An alert on the age catches every stuck outbox.

`tanawari_outbox_pending{topic}`, `tanawari_outbox_oldest_seconds{topic}`, `tanawari_outbox_refused{topic}`
"""

import time
from typing import LiteralString

import psycopg
from prometheus_client import Gauge

OBSERVE_SECONDS = 5.0
PENDING = Gauge("tanawari_outbox_pending", "Events that are not published yet.", ["topic"])
OLDEST = Gauge("tanawari_outbox_oldest_seconds", "Age of the oldest event that is not published yet.", ["topic"])
REFUSED = Gauge("tanawari_outbox_refused", "Events that the broker refused, each holding up its key.", ["topic"])

_COUNT: LiteralString = """
    SELECT topic, count(*), extract(epoch FROM now() - min(created_at)), count(refused_at)
    FROM outbox WHERE published_at IS NULL GROUP BY topic
"""
_REFUSALS: LiteralString = """
    SELECT topic, key, refusal FROM outbox
    WHERE published_at IS NULL AND refused_at > now() - interval '5 minutes' ORDER BY id
"""


class Backlog:
    """Measures the outbox every few seconds."""

    def __init__(self) -> None:
        self._observe_at = 0.0
        self.refused: dict[tuple[str, str], str] = {}
        """By topic and key: why its event was refused recently; later it may be retried."""

    async def observe(self, connection: psycopg.AsyncConnection) -> None:
        """Count pending events, unless that was just done."""
        if time.monotonic() < self._observe_at:
            return
        self._observe_at = time.monotonic() + OBSERVE_SECONDS
        refused = await (await connection.execute(_REFUSALS)).fetchall()
        self.refused = {(topic, key): reason for topic, key, reason in refused}
        counted = await (await connection.execute(_COUNT)).fetchall()
        self.clear()
        for topic, pending, oldest, refusals in counted:
            PENDING.labels(topic).set(pending)
            OLDEST.labels(topic).set(float(oldest))
            REFUSED.labels(topic).set(refusals)

    def clear(self) -> None:
        """Report nothing: another process publishes now, or none."""
        for gauge in (PENDING, OLDEST, REFUSED):
            gauge.clear()
