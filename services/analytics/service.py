"""What the tables are filled with, and what is asked of them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Select, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from services.analytics.models import UserActionLog, ViewHistory
from services.common.messages import Message
from services.contracts.events.actions import ProductViewed

Position = tuple[Any, ...] | None

_POPULAR = text("""
    WITH interest AS (
        SELECT product_id, user_id, 1 AS views, 0 AS cart_adds
        FROM view_history WHERE viewed_at >= :since AND NOT is_bot AND NOT simulated
        UNION ALL
        SELECT product_id, user_id, 0, 1
        FROM user_action_log
        WHERE action_type = 'CART_ADD' AND created_at >= :since AND NOT is_bot AND NOT simulated
    )
    SELECT product_id, count(DISTINCT user_id) AS users, sum(views) AS views, sum(cart_adds) AS cart_adds
    FROM interest GROUP BY product_id ORDER BY users DESC, views DESC, product_id LIMIT :limit
""")


async def record(session: AsyncSession, messages: Sequence[Message]) -> None:
    """Write user actions to their tables, each table by one statement."""
    views, actions = [], []
    for message in messages:
        row = message.payload.model_dump(mode="json", exclude={"timestamp"})
        row["event_id"] = str(message.event.event_id)
        if isinstance(message.payload, ProductViewed):
            views.append(row | {"viewed_at": message.event.timestamp})
        else:
            actions.append(row | {"action_type": message.event.event_type, "created_at": message.event.timestamp})
    await _insert(session, ViewHistory, views)
    await _insert(session, UserActionLog, actions)


async def _insert(
    session: AsyncSession, table: type[ViewHistory | UserActionLog], rows: Sequence[dict[str, Any]]
) -> None:
    if not rows:
        return
    name = table.__tablename__
    columns = ", ".join(column.name for column in table.__table__.columns if column.name != "id")
    statement = (  # every name in it is ours
        f"INSERT INTO {name} ({columns}) SELECT {columns}"  # noqa: S608
        f" FROM jsonb_populate_recordset(CAST(NULL AS {name}), CAST(:rows AS jsonb)) ON CONFLICT (event_id) DO NOTHING"
    )
    await session.execute(text(statement), {"rows": orjson.dumps(rows).decode()})


async def actions_of(session: AsyncSession, user_id: str, after: Position, limit: int) -> Sequence[UserActionLog]:
    """A user's actions, the latest first, after a position (`created_at`, `id`)."""
    query = select(UserActionLog).where(UserActionLog.user_id == user_id)
    return (await session.scalars(_page(query, UserActionLog.created_at, UserActionLog.id, after, limit))).all()


async def views_of(session: AsyncSession, user_id: str, after: Position, limit: int) -> Sequence[ViewHistory]:
    """A user's product views, the latest first, after a position (`viewed_at`, `id`)."""
    query = select(ViewHistory).where(ViewHistory.user_id == user_id)
    return (await session.scalars(_page(query, ViewHistory.viewed_at, ViewHistory.id, after, limit))).all()


def _page(query: Select[Any], time: Any, identifier: Any, after: Position, limit: int) -> Select[Any]:  # noqa: ANN401
    if after is not None:
        query = query.where(tuple_(time, identifier) < tuple_(*after))
    return query.order_by(time.desc(), identifier.desc()).limit(limit)


async def popular_products(session: AsyncSession, days: int, limit: int) -> Sequence[Any]:
    """The products that most people looked at or put in the cart in the last `days`; what no person did is left out."""
    since = datetime.now(UTC) - timedelta(days=days)
    return (await session.execute(_POPULAR, {"since": since, "limit": limit})).all()
