"""Reads payments, and forgets whose they were."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.contracts.envelope import ERASED
from services.payment.models import Payment


async def payments_of(
    session: AsyncSession, user_id: str, before: tuple[datetime, UUID] | None, most: int
) -> Sequence[Payment]:
    """A user's payments, the latest first, those before a position."""
    query = select(Payment).where(Payment.user_id == user_id)
    if before is not None:
        query = query.where(tuple_(Payment.created_at, Payment.id) < tuple_(*before))
    query = query.order_by(Payment.created_at.desc(), Payment.id.desc()).limit(most)
    return (await session.scalars(query)).all()


async def erase(session: AsyncSession, user_ids: list[str]) -> None:
    """Keep the payments of deleted users, as the law wants, without saying whose they were."""
    for user_id in user_ids:
        nobody = {"user_id": f"{ERASED}{uuid4()}", "payment_details": None, "action_url": None}
        await session.execute(update(Payment).where(Payment.user_id == user_id).values(nobody))
