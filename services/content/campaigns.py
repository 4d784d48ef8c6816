"""Campaigns: they give banners and manual rows their dates, and ending one ends these."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.runtime.errors import Conflict, NotFound
from services.content import editing
from services.content.editing import SCHEDULE, Edit, Kind
from services.content.models import Campaign
from services.contracts.events.content import CampaignChanged

MOST_SHOWN = 100


class CampaignNotFound(NotFound):
    """No campaign has this id."""

    title = "Campaign not found"


class CampaignIsUsed(Conflict):
    """Banners or displays belong to the campaign; without it their dates would be unknown."""

    title = "Campaign is used"


CAMPAIGN = Kind(
    name="campaign",
    table=Campaign,
    fields=("name", *SCHEDULE),
    event=CampaignChanged,
    missing=CampaignNotFound,
)


async def remove(edit: Edit, campaign_id: int) -> None:
    """Remove a campaign to which nothing belongs.

    Raises:
        CampaignIsUsed: something does; CampaignNotFound, PreconditionFailed, Forbidden: as in `editing`.
    """
    try:
        await editing.remove(edit, CAMPAIGN, campaign_id)
    except IntegrityError as error:
        raise CampaignIsUsed("Banners or displays belong to it: end it instead, or remove these.") from error


async def shown_at(session: AsyncSession, moment: datetime) -> Sequence[Campaign]:
    """The campaigns that are on at a time, the newest ones first, at most `MOST_SHOWN`."""
    is_on = Campaign.is_active & (Campaign.start_date <= moment)
    query = select(Campaign).where(is_on, Campaign.end_date.is_(None) | (moment < Campaign.end_date))
    return (await session.scalars(query.order_by(Campaign.id.desc()).limit(MOST_SHOWN))).all()
