"""Routes for campaigns."""

from typing import Annotated

from fastapi import Path, Response

from services.common.runtime.errors import problems
from services.common.storage.database import Session
from services.common.web.fields import PathId
from services.common.web.idempotency import IDEMPOTENT
from services.common.web.paging import CursorParam, LimitParam, decode_cursor
from services.common.web.preconditions import IfMatch, tag
from services.common.web.routing import Router
from services.content import campaigns, editing
from services.content.callers import MERCHANDISER, Merchandiser
from services.content.campaigns import CAMPAIGN
from services.content.schemas_campaigns import CampaignChange, CampaignOut, CampaignPage, NewCampaign

router = Router(tags=["campaigns"])
CampaignId = Annotated[PathId, Path(alias="campaignId")]


@router.get("/v1/campaigns", dependencies=[MERCHANDISER])
async def list_campaigns(session: Session, cursor: CursorParam = None, limit: LimitParam = 50) -> CampaignPage:
    """Campaigns, the newest first."""
    (before,) = decode_cursor(cursor, int) or (None,)
    return CampaignPage.of(await campaigns.list_campaigns(session, limit + 1, before=before), limit, "id")


@router.post("/v1/campaigns", status_code=201, dependencies=[IDEMPOTENT])
async def create_campaign(body: NewCampaign, session: Session, response: Response, caller: Merchandiser) -> CampaignOut:
    """Create a campaign."""
    made = await editing.create(session, CAMPAIGN, body.changes(), caller)
    response.headers["Location"] = f"/v1/campaigns/{made.id}"
    return await _one(session, made.id, response)


@router.get("/v1/campaigns/{campaignId}", dependencies=[MERCHANDISER], responses=problems(404))
async def read_campaign(campaign_id: CampaignId, session: Session, response: Response) -> CampaignOut:
    """One campaign. Its ETag is for `If-Match`."""
    return await _one(session, campaign_id, response)


@router.patch("/v1/campaigns/{campaignId}", dependencies=[IDEMPOTENT], responses=problems(404, 412))
async def change_campaign(
    campaign_id: CampaignId,
    body: CampaignChange,
    session: Session,
    response: Response,
    caller: Merchandiser,
    expected: IfMatch = None,
) -> CampaignOut:
    """Change a campaign; omitted fields stay unchanged. An earlier `endDate` ends its banners and displays, too."""
    await editing.change(session, CAMPAIGN, campaign_id, body.changes(), expected, caller)
    return await _one(session, campaign_id, response)


@router.delete(
    "/v1/campaigns/{campaignId}", status_code=204, dependencies=[IDEMPOTENT], responses=problems(404, 409, 412)
)
async def delete_campaign(
    campaign_id: CampaignId, session: Session, caller: Merchandiser, expected: IfMatch = None
) -> None:
    """Remove a campaign to which nothing belongs."""
    await campaigns.remove(session, campaign_id, expected, caller)


async def _one(session: Session, campaign_id: int, response: Response) -> CampaignOut:
    found = CampaignOut.model_validate(await editing.read(session, CAMPAIGN, campaign_id))
    response.headers["ETag"] = tag(found.version)
    return found
