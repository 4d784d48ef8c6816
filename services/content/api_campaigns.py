"""Routes for campaigns."""

from typing import Annotated

from fastapi import Path, Response

from services.common.runtime.errors import problems
from services.common.storage.database import Session
from services.common.web.fields import PathId
from services.common.web.paging import CursorParam, LimitParam, decode_cursor
from services.common.web.preconditions import tagged
from services.common.web.routing import Router
from services.content import campaigns, editing, queries
from services.content.callers import EDITS, MERCHANDISER, Change, Creation
from services.content.campaigns import CAMPAIGN
from services.content.models import Campaign
from services.content.schemas_campaigns import CampaignChange, CampaignOut, CampaignPage, NewCampaign

router = Router(tags=["campaigns"])
CampaignId = Annotated[PathId, Path(alias="campaignId")]


@router.get("/v1/campaigns", dependencies=[MERCHANDISER])
async def list_campaigns(session: Session, cursor: CursorParam = None, limit: LimitParam = 50) -> CampaignPage:
    """Campaigns, the newest first."""
    found = await queries.newest(session, Campaign, decode_cursor(cursor, int), limit + 1)
    return CampaignPage.of(found, limit, "id")


@router.post("/v1/campaigns", status_code=201, dependencies=EDITS)
async def create_campaign(body: NewCampaign, edit: Creation, response: Response) -> CampaignOut:
    """Create a campaign."""
    made = await editing.create(edit, CAMPAIGN, body.changes())
    response.headers["Location"] = f"/v1/campaigns/{made.id}"
    return tagged(CampaignOut.model_validate(made), response)


@router.get("/v1/campaigns/{campaignId}", dependencies=[MERCHANDISER], responses=problems(404))
async def read_campaign(campaign_id: CampaignId, session: Session, response: Response) -> CampaignOut:
    """One campaign. Its ETag is for `If-Match`."""
    found = await editing.read(session, CAMPAIGN, campaign_id)
    return tagged(CampaignOut.model_validate(found), response)


@router.patch("/v1/campaigns/{campaignId}", dependencies=EDITS, responses=problems(404, 412))
async def change_campaign(
    campaign_id: CampaignId, body: CampaignChange, edit: Change, response: Response
) -> CampaignOut:
    """Change a campaign; omitted fields stay unchanged. An earlier `endDate` ends its banners and displays, too."""
    changed = await editing.change(edit, CAMPAIGN, campaign_id, body.changes())
    return tagged(CampaignOut.model_validate(changed), response)


@router.delete("/v1/campaigns/{campaignId}", status_code=204, dependencies=EDITS, responses=problems(404, 409, 412))
async def delete_campaign(campaign_id: CampaignId, edit: Change) -> None:
    """Remove a campaign to which nothing belongs."""
    await campaigns.remove(edit, campaign_id)
