"""Reports are computed once a window: by one caller, while the others wait, and kept for a time after that.

A long window changes less in an hour than a short one in a minute, and takes longer to count.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.datastructures import State

from services.analytics.clocks import OLDEST_FROM_BROWSER
from services.analytics.reports import Rows, day_in
from services.analytics.schemas_reports import Window
from services.common.storage.cache import Cache
from services.common.storage.database import Database
from services.common.web.fields import Schema

KEPT_SECONDS: Final = {Window.DAY: 60, Window.WEEK: 300, Window.MONTH: 900, Window.QUARTER: 3_600}
"""How old the report of a window may be."""
OF_A_PAST_DAY: Final = 3_600
"""How old the report of a day may be that nothing is expected of any more."""
OLDEST: Final = max(*KEPT_SECONDS.values(), OF_A_PAST_DAY)

Query = Callable[[AsyncSession], Awaitable[Rows]]


async def lines(state: State, key: str, seconds: float, query: Query, line: type[Schema]) -> list[bytes]:
    """The rows of a query as JSON, each a `line`; at most so many seconds old."""
    cache: Cache = state.cache
    database: Database = state.database

    async def make() -> bytes:
        async with database.sessions() as session:
            rows = await query(session)
        return b"\n".join(line.model_validate(row).model_dump_json(by_alias=True).encode() for row in rows)

    made = await cache.get_or_make(key, seconds=seconds, make=make)
    return made.split(b"\n") if made else []


def seconds_of(day: date, zone: ZoneInfo) -> float:
    """How old the report of a day may be: late actions still come to a recent one."""
    is_over = day_in(zone, day + timedelta(days=1)) < datetime.now(UTC) - OLDEST_FROM_BROWSER
    return OF_A_PAST_DAY if is_over else KEPT_SECONDS[Window.DAY]
