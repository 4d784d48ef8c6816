"""Banners: a picture with a text in several languages and a link, shown from a start until an end."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.runtime.errors import NotFound
from services.common.storage.cache import Cache
from services.content import editing, queries
from services.content.domain import LONGEST_TRUTH
from services.content.editing import SCHEDULE, Kind
from services.content.models import Banner, Campaign
from services.content.schemas_campaigns import ShownBanners
from services.contracts.events.content import BannerChanged

MOST_SHOWN = 100
"""Banners at one time: those of the highest priority."""
_STARTS_AT = func.greatest(Banner.start_date, Campaign.start_date)
_ENDS_AT = func.least(Banner.end_date, Campaign.end_date)


class BannerNotFound(NotFound):
    """No banner has this id."""

    title = "Banner not found"


BANNER = Kind(
    name="banner",
    table=Banner,
    fields=("campaign_id", "placement", "texts", "image", "link", "priority", *SCHEDULE),
    event=BannerChanged,
    missing=BannerNotFound,
    complete=editing.refuse_an_unknown_campaign,
)


async def shown_now(session: AsyncSession, cache: Cache) -> bytes:
    """The banners that show now as the JSON of `ShownBanners`.

    They are cached by the version of what is shown, so that no change is missed, until one begins or ends.
    """
    version = (await queries.active_for(session, None)).version
    key = f"banners:{version}"
    if (known := await cache.get(key)) is not None:
        return known
    now = datetime.now(UTC)
    body = ShownBanners.model_validate({"items": await shown_at(session, now)}).model_dump_json(by_alias=True).encode()
    until = await _next_date(session, now)
    await cache.set(key, body, (until - now).total_seconds())
    return body


async def shown_at(session: AsyncSession, moment: datetime) -> Sequence[Banner]:
    """The banners that show at a time, by place and priority."""
    due = _active(Banner).where(moment >= _STARTS_AT, _ENDS_AT.is_(None) | (moment < _ENDS_AT))
    most = due.order_by(Banner.priority.desc(), Banner.id).limit(MOST_SHOWN)
    return sorted(await session.scalars(most), key=lambda each: str(each.placement))


async def _next_date(session: AsyncSession, now: datetime) -> datetime:
    """When the next banner begins or ends, at most `LONGEST_TRUTH` later."""
    coming = [func.min(date).filter(date > now) for date in (_STARTS_AT, _ENDS_AT)]
    dates: Sequence[datetime | None] = (await session.execute(_active(*coming))).one()
    return min([now + LONGEST_TRUTH, *(date for date in dates if date is not None)])


def _active(*columns: Any) -> Select[Any]:  # noqa: ANN401 - whatever select() takes
    is_on = Banner.is_active & Campaign.is_active.isnot(False)
    joined = select(*columns).select_from(Banner).outerjoin(Campaign, Campaign.id == Banner.campaign_id)
    return joined.where(is_on)
