"""Routes for banners."""

from typing import Annotated

from fastapi import Path, Query, Request, Response

from services.common.identity.policy import PUBLIC
from services.common.runtime.errors import problems
from services.common.storage.database import Session
from services.common.web.fields import PathId
from services.common.web.paging import CursorParam, LimitParam, decode_cursor
from services.common.web.preconditions import tagged
from services.common.web.routing import Router
from services.content import banners, editing, queries
from services.content.banners import BANNER
from services.content.callers import EDITS, MERCHANDISER, Change, Creation
from services.content.models import Banner
from services.content.schemas_campaigns import BannerChange, BannerOut, BannerPage, NewBanner, Placement, ShownBanners

router = Router(tags=["banners"])
BannerId = Annotated[PathId, Path(alias="bannerId")]
SHOWN_SECONDS = 10
"""For so long a browser keeps them: a banner appears and goes at most so late."""


@router.get("/v1/banners", dependencies=[PUBLIC], response_model=ShownBanners)
async def read_banners(request: Request, session: Session) -> Response:
    """The banners that show now, the same for everybody, in all languages."""
    body = await banners.shown_now(session, request.app.state.cache)
    headers = {"Cache-Control": f"public, max-age={SHOWN_SECONDS}"}
    return Response(body, media_type="application/json", headers=headers)


@router.get("/v1/banners/all", dependencies=[MERCHANDISER])
async def list_banners(
    session: Session,
    cursor: CursorParam = None,
    limit: LimitParam = 50,
    campaign_id: Annotated[PathId | None, Query(alias="campaignId")] = None,
    placement: Annotated[Placement | None, Query()] = None,
) -> BannerPage:
    """Banners, past and future ones too, the newest first."""
    wanted = {"campaign_id": campaign_id, "placement": placement}
    found = await queries.newest(session, Banner, decode_cursor(cursor, int), limit + 1, **wanted)
    return BannerPage.of(found, limit, "id")


@router.post("/v1/banners", status_code=201, dependencies=EDITS)
async def create_banner(body: NewBanner, edit: Creation, response: Response) -> BannerOut:
    """Create a banner."""
    made = await editing.create(edit, BANNER, body.changes())
    response.headers["Location"] = f"/v1/banners/{made.id}"
    return tagged(BannerOut.model_validate(made), response)


@router.get("/v1/banners/{bannerId:int}", dependencies=[MERCHANDISER], responses=problems(404))
async def read_banner(banner_id: BannerId, session: Session, response: Response) -> BannerOut:
    """One banner, whether it shows or not. Its ETag is for `If-Match`."""
    found = await editing.read(session, BANNER, banner_id)
    return tagged(BannerOut.model_validate(found), response)


@router.patch("/v1/banners/{bannerId:int}", dependencies=EDITS, responses=problems(404, 412))
async def change_banner(banner_id: BannerId, body: BannerChange, edit: Change, response: Response) -> BannerOut:
    """Change a banner; omitted fields stay unchanged, and `texts` are replaced as a whole."""
    changed = await editing.change(edit, BANNER, banner_id, body.changes())
    return tagged(BannerOut.model_validate(changed), response)


@router.delete("/v1/banners/{bannerId:int}", status_code=204, dependencies=EDITS, responses=problems(404, 412))
async def delete_banner(banner_id: BannerId, edit: Change) -> None:
    """Remove a banner."""
    await editing.remove(edit, BANNER, banner_id)
