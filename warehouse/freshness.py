"""How new the rows of `raw` are, whether or not anything runs."""

from datetime import datetime

import psycopg
from psycopg import sql

from services.contracts.topics import Topic

_NEWEST = """
select max(newest.loaded_at) from landing.lanes
cross join lateral (
    select loaded_at from raw.{table} as events where events.lane = lanes.lane order by number desc limit 1
) as newest
where lanes.topic = %s
"""


def newest_row(url: str, topic: Topic) -> datetime | None:
    """When the last row of a topic landed; None if none ever has.

    Args:
        url: the warehouse, as its loader.
        topic: one that has a table of its own.
    """
    with psycopg.connect(url) as connection:
        query = sql.SQL(_NEWEST).format(table=sql.Identifier(topic.table))
        found: tuple[datetime | None] | None = connection.execute(query, (topic.name,)).fetchone()
    return found[0] if found else None
