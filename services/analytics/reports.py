"""What all shoppers did in a window, counted by people; bots and simulated users do not count.

Each statement reads an index that has the people's rows alone, and ends after `SECONDS` at the latest.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import TextClause, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.analytics.models import Product
from services.common.runtime.errors import NotFound
from services.common.web.references import ProductReference

Rows = list[dict[str, Any]]
SECONDS: Final = 20
LEAST_PEOPLE: Final = 2
"""Of a search term: what one person alone has typed may name somebody. A visitor who then logs in is that user."""


class NoSuchProduct(NotFound):
    """The catalog has told of no such product, or of its deletion."""

    title = "No such product"


_LIMIT: Final = text(f"SET LOCAL statement_timeout = '{SECONDS}s'")

_INTEREST = """
    SELECT product_id, user_id, viewed_at AS at, 1 AS views, 0 AS cart_adds
    FROM view_history WHERE viewed_at >= :since AND NOT is_bot AND NOT simulated
    UNION ALL
    SELECT product_id, user_id, created_at, 0, 1
    FROM user_action_log
    WHERE action_type IN ('CART_ADD', 'CART_READD') AND created_at >= :since AND NOT is_bot AND NOT simulated
"""
_POPULAR: Final = text(f"""
    WITH interested AS ( -- people are hashed, which `count(DISTINCT …)` would sort
        SELECT product_id, user_id, sum(views) AS views, sum(cart_adds) AS cart_adds
        FROM ({_INTEREST}) AS interest GROUP BY product_id, user_id
    )
    SELECT product_id, sku, count(*) AS users, sum(views) AS views, sum(cart_adds) AS cart_adds
    FROM interested INNER JOIN products ON products.id = product_id
    WHERE is_active AND NOT is_deleted
    GROUP BY product_id, sku ORDER BY users DESC, views DESC, product_id LIMIT :limit
""")  # noqa: S608 - our own text
_TRENDING: Final = text(f"""
    WITH interested AS (
        SELECT product_id, user_id, bool_or(at >= :middle) AS is_now, bool_or(at < :middle) AS was_before
        FROM ({_INTEREST}) AS interest GROUP BY product_id, user_id
    ),
    counted AS (
        SELECT product_id, count(*) FILTER (WHERE is_now) AS users, count(*) FILTER (WHERE was_before) AS users_before
        FROM interested GROUP BY product_id
    )
    SELECT product_id, sku, users, users_before
    FROM counted INNER JOIN products ON products.id = product_id
    WHERE users > users_before AND is_active AND NOT is_deleted
    ORDER BY (users - users_before) / sqrt(users + users_before) DESC, users DESC, product_id LIMIT :limit
""")  # noqa: S608
_FUNNEL: Final = text("""
    WITH done AS (
        SELECT user_id, 'VIEW' AS step, min(viewed_at) AS at, 0 AS orders
        FROM view_history WHERE viewed_at >= :since AND viewed_at < :until AND NOT is_bot AND NOT simulated
        GROUP BY user_id
        UNION ALL
        SELECT user_id, split_part(action_type, '_', 1), min(created_at),
            count(*) FILTER (WHERE action_type = 'ORDER_COMPLETE')
        FROM user_action_log
        WHERE action_type IN ('CART_ADD', 'CART_READD', 'ORDER_COMPLETE')
            AND created_at >= :since AND created_at < :until AND NOT is_bot AND NOT simulated
        GROUP BY 1, 2
    ),
    people AS ( -- a visitor who then logs in is that user
        SELECT coalesce(login.user_id, done.user_id) AS person, sum(orders) AS orders,
            bool_or(step = 'VIEW') AS has_viewed, bool_or(step = 'CART') AS has_carted,
            bool_or(step = 'ORDER') AS has_ordered
        FROM done LEFT JOIN LATERAL (
            SELECT user_id FROM logins
            WHERE visitor_id = done.user_id AND logged_in_at >= done.at ORDER BY logged_in_at LIMIT 1
        ) AS login ON starts_with(done.user_id, 'anon:')
        GROUP BY 1
    )
    SELECT count(*) FILTER (WHERE has_viewed) AS viewers,
        count(*) FILTER (WHERE has_viewed AND has_carted) AS cart_users,
        count(*) FILTER (WHERE has_viewed AND has_carted AND has_ordered) AS buyers,
        coalesce(sum(orders), 0) AS orders
    FROM people
""")  # fmt: skip
_TERMS = """
    WITH searched AS (
        SELECT btrim(regexp_replace(lower(normalize(search_keyword, NFKC)), '\\s+', ' ', 'g')) AS term, user_id,
            min(created_at) AS at, count(*) AS searches, count(*) FILTER (WHERE result_count = 0) AS without_result
        FROM user_action_log
        WHERE action_type = 'SEARCH_BY_KEYWORD' AND created_at >= :since AND NOT is_bot AND NOT simulated
        GROUP BY term, user_id
    )
    SELECT term, sum(searches) AS searches, count(DISTINCT coalesce(login.user_id, searched.user_id)) AS users,
        sum(without_result) AS without_result
    FROM searched LEFT JOIN LATERAL (
        SELECT user_id FROM logins
        WHERE visitor_id = searched.user_id AND logged_in_at >= searched.at ORDER BY logged_in_at LIMIT 1
    ) AS login ON starts_with(searched.user_id, 'anon:')
    WHERE term != ''
    GROUP BY term HAVING count(DISTINCT coalesce(login.user_id, searched.user_id)) >= :least
"""
_SEARCHED: Final = text(f"{_TERMS} ORDER BY searches DESC, term LIMIT :limit")
_NOT_FOUND: Final = text(f"{_TERMS} AND sum(without_result) > 0 ORDER BY without_result DESC, term LIMIT :limit")
_STATISTICS: Final = text("""
    SELECT (at AT TIME ZONE :zone)::date AS date,
        count(*) FILTER (WHERE kind = 'PRODUCT_VIEWED') AS views,
        count(DISTINCT user_id) FILTER (WHERE kind = 'PRODUCT_VIEWED') AS viewers,
        count(*) FILTER (WHERE kind IN ('CART_ADD', 'CART_READD')) AS cart_adds,
        count(DISTINCT user_id) FILTER (WHERE kind IN ('CART_ADD', 'CART_READD')) AS cart_users,
        count(*) FILTER (WHERE kind = 'REVIEW_SUBMIT') AS reviews
    FROM (
        SELECT 'PRODUCT_VIEWED' AS kind, user_id, viewed_at AS at FROM view_history
        WHERE product_id = :product AND viewed_at >= :since AND NOT is_bot AND NOT simulated
        UNION ALL
        SELECT action_type, user_id, created_at FROM user_action_log
        WHERE product_id = :product AND created_at >= :since AND NOT is_bot AND NOT simulated
    ) AS done
    GROUP BY GROUPING SETS ((1), ()) ORDER BY 1 NULLS FIRST
""")


async def popular(session: AsyncSession, days: int, limit: int) -> Rows:
    """The products that most people viewed or put in the cart in the last `days`."""
    return await _rows(session, _POPULAR, since=_ago(days), limit=limit)


async def trending(session: AsyncSession, days: int, limit: int) -> Rows:
    """The products that more people viewed or put in the cart than in as many days before, by how far beyond chance.

    Each count varies by chance by about its root, so the rise is divided by the root of both: from 0 to 4 people it is
    as sure as from 100 to 130.
    """
    return await _rows(session, _TRENDING, since=_ago(2 * days), middle=_ago(days), limit=limit)


async def funnel(session: AsyncSession, day: date, zone: ZoneInfo) -> Rows:
    """How many people viewed a product on a day of the shop, how many of them put one in the cart, and bought."""
    since, until = day_in(zone, day), day_in(zone, day + timedelta(days=1))
    (counts,) = await _rows(session, _FUNNEL, since=since, until=until)
    return [{"date": day, **counts}]


async def search_terms(session: AsyncSession, days: int, limit: int, *, only_without_result: bool) -> Rows:
    """What was searched for most in the last `days`, alike but for width, case and spaces; or what found nothing."""
    statement = _NOT_FOUND if only_without_result else _SEARCHED
    return await _rows(session, statement, since=_ago(days), least=LEAST_PEOPLE, limit=limit)


async def statistics(session: AsyncSession, product: Product, days: int, zone: ZoneInfo) -> Rows:
    """What was done with a product on each of the last `days` of the shop, today included, and on all together."""
    since = day_in(zone, datetime.now(zone).date() - timedelta(days=days - 1))
    total, *each = await _rows(session, _STATISTICS, product=product.id, since=since, zone=zone.key)
    del total["date"]
    return [{"product_id": product.id, "sku": product.sku, "days": days, "items": each, **total}]


async def sold(session: AsyncSession, ids: Sequence[int]) -> set[int]:
    """Those of the products that are sold now."""
    await session.execute(_LIMIT)
    found = select(Product.id).where(Product.id == func.any(list(ids)), Product.is_active, ~Product.is_deleted)
    return set(await session.scalars(found))


async def product_of(session: AsyncSession, reference: ProductReference) -> Product:
    """The product that is referred to.

    Raises:
        NoSuchProduct: see the class.
    """
    own = Product.id == reference.id if reference.external_id is None else Product.sku == reference.external_id
    found = await session.scalar(select(Product).where(own, ~Product.is_deleted))
    if found is None:
        raise NoSuchProduct("The catalog has told of no such product.")
    return found


def day_in(zone: ZoneInfo, day: date) -> datetime:
    """When a day of the shop begins."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


async def _rows(session: AsyncSession, statement: TextClause, **parameters: Any) -> Rows:  # noqa: ANN401
    await session.execute(_LIMIT)
    return [dict(row) for row in (await session.execute(statement, parameters)).mappings()]


def _ago(days: int) -> datetime:
    return datetime.now(UTC) - timedelta(days=days)
