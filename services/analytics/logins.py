"""Which user a visitor became: what a visitor did since the previous login, by anybody, is the user's who then logs in.

It is erased with the user. Logins and actions arrive in any order, so which ones these are is looked up at the erasure.
"""

from collections.abc import Sequence

import orjson
from sqlalchemy import delete, func, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.analytics.models import Login, UserActionLog, ViewHistory
from services.common.messaging.erasure import erasing
from services.common.messaging.messages import Message
from services.contracts.events.identity import UserAuthenticated

_RECORD = text(
    "INSERT INTO logins (visitor_id, logged_in_at, user_id) SELECT visitor_id, logged_in_at, user_id"
    " FROM json_populate_recordset(NULL::logins, CAST(:rows AS json)) AS given"
    " WHERE NOT EXISTS (SELECT FROM erased_users WHERE id = given.user_id) ON CONFLICT DO NOTHING"
)
_OF_VISITORS = """
    DELETE FROM {table} AS recorded USING (
        SELECT visitor_id, user_id, logged_in_at AS until,
            lag(logged_in_at, 1, '-infinity') OVER (PARTITION BY visitor_id ORDER BY logged_in_at) AS after
        FROM logins WHERE visitor_id IN (SELECT visitor_id FROM logins WHERE user_id = ANY(:ids))
    ) AS visit
    WHERE visit.user_id = ANY(:ids) AND recorded.user_id = visit.visitor_id
        AND recorded.{time} > visit.after AND recorded.{time} <= visit.until
"""
_ERASE_OF_VISITORS = [
    text(_OF_VISITORS.format(table=table.__tablename__, time=time))
    for table, time in ((ViewHistory, "viewed_at"), (UserActionLog, "created_at"))
]


async def follow_auth(session: AsyncSession, messages: Sequence[Message]) -> None:
    """Record which visitors logged in, and erase deleted users."""
    rows = []
    for message in messages:
        if message.event_type == "USER_AUTHENTICATED":
            told = message.payload
            assert isinstance(told, UserAuthenticated)
            if told.visitor_id is not None:
                row = {"visitor_id": told.visitor_id, "user_id": told.user_id, "logged_in_at": message.happened_at}
                rows.append(row)
    if rows:
        await session.execute(_RECORD, {"rows": orjson.dumps(rows).decode()})
    await _erase_deleted(session, messages)


async def erase(session: AsyncSession, user_ids: list[str]) -> None:
    """Remove what was recorded of users, and of the visitors that they were."""
    for statement in _ERASE_OF_VISITORS:
        await session.execute(statement, {"ids": user_ids})
    for table in (ViewHistory, UserActionLog, Login):
        await session.execute(delete(table).where(table.user_id == func.any(user_ids)))


_erase_deleted = erasing("analytics", erase)
