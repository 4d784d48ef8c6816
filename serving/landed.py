"""Reads who is who, and the actions since the data cut, from the warehouse: the broker's log may have deleted them.

It uses views without personal data, and a role that may read nothing else.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

import psycopg

from serving.live import Live
from serving.start import ReportProgress

ACTIONS: Final = """
select json_build_object('eventType', event_type, 'timestamp', occurred_at, 'data', data)::text
from live.actions where occurred_at >= %s order by occurred_at
"""
DELETED: Final = "select user_id from live.deleted_users union all select user_id from live.erased_users"
IDENTITIES: Final = """
select json_build_object('eventType', event_type, 'timestamp', occurred_at, 'data', data)::text
from live.identities where occurred_at >= %s or event_type != 'USER_AUTHENTICATED'
"""
LATE: Final = timedelta(days=1)
"""A login from so long before the data cut may have landed after it, and is in no bundle."""
TURN: Final = 250
"""Rows processed before control returns to the event loop."""


class LandedActions:
    """Loads landed actions into the live state."""

    def __init__(self, url: str, live: Live) -> None:
        self._url = url
        self._live = live

    async def read(self, report_progress: ReportProgress) -> None:
        """Load all actions since the data cut, logins from a day before, and all users deleted or with wishes.

        Raises:
            psycopg.Error: the warehouse does not respond.
        """
        since = datetime.fromtimestamp(self._live.since, UTC)
        connecting = psycopg.AsyncConnection.connect(self._url, connect_timeout=3, application_name="tanawari-serving")
        async with await connecting as connection:
            async with connection.cursor("deleted") as cursor:
                await cursor.execute(DELETED)
                while users := await cursor.fetchmany(TURN):
                    report_progress()
                    self._live.forget(user_id for (user_id,) in users)
            for query, moment in ((IDENTITIES, since - LATE), (ACTIONS, since)):
                async with connection.cursor("events") as cursor:
                    await cursor.execute(query, (moment,))
                    while rows := await cursor.fetchmany(TURN):
                        report_progress()
                        self._live.apply_landed(event.encode() for (event,) in rows)
