"""One decision is made once: of two rows that say the same of a product at one time, the second is refused."""

from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.runtime.errors import Conflict
from services.content.models import TopPageDisplay


class AlreadyDecided(Conflict):
    """Another row says the same of the product, for the same shopper or for everyone, and their dates overlap."""

    title = "Already decided"


async def refuse_a_second(session: AsyncSession, row: TopPageDisplay) -> None:
    """Raise if another row says what this one says, at a time that is not over.

    Rows that differ in their campaign, their priority or the price that they promise take turns, and are none of these.
    """
    now = datetime.now(UTC)
    if row.is_active is False or (row.end_date is not None and row.end_date <= now):
        return
    said = {name: getattr(row, name) for name in ("mode", "product_id", "user_id", "campaign_id")}
    if row.mode == "pin":  # what is hidden is hidden from all shelves
        said |= {"display_type": row.display_type, "promised_price": row.promised_price, "priority": row.priority or 0}
    table = TopPageDisplay
    others = select(table.id).filter_by(generation=None, is_active=True, **said).where(table.id != (row.id or 0))
    overlapping = others.where(table.end_date.is_(None) | (table.end_date > max(row.start_date, now)))
    if row.end_date is not None:
        overlapping = overlapping.where(table.start_date < row.end_date)
    with session.no_autoflush:
        other = await session.scalar(overlapping.order_by(table.id).limit(1))
    if other is not None:
        raise AlreadyDecided(f"Row {other} says the same within these dates: change it, or end or remove it first.")
