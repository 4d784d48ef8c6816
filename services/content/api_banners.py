"""Routes for banners."""

from typing import Annotated

from fastapi import Path, Query, Request, Response

from services.common.identity.policy import PUBLIC
from services.common.runtime.errors import problems
from services.common.storage.database import Session
from services.common.web.fields import PathId
from services.common.web.idempotency import IDEMPOTENT
from services.common.web.paging import CursorParam, LimitParam, decode_cursor
from services.common.web.preconditions import IfMatch, tag
from services.common.web.routing import Router
from services.content import banners, editing
from services.content.banners import BANNER
from services.content.callers import MERCHANDISER, Merchandiser
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
    (before,) = decode_cursor(cursor, int) or (None,)
    found = await banners.list_banners(session, limit + 1, before=before, campaign_id=campaign_id, placement=placement)
    return BannerPage.of(found, limit, "id")


@router.post("/v1/banners", status_code=201, dependencies=[IDEMPOTENT])
async def create_banner(body: NewBanner, session: Session, response: Response, caller: Merchandiser) -> BannerOut:
    """Create a banner."""
    made = await editing.create(session, BANNER, body.changes(), caller)
    response.headers["Location"] = f"/v1/banners/{made.id}"
    return await _one(session, made.id, response)


@router.get("/v1/banners/{bannerId:int}", dependencies=[MERCHANDISER], responses=problems(404))
async def read_banner(banner_id: BannerId, session: Session, response: Response) -> BannerOut:
    """One banner, whether it shows or not. Its ETag is for `If-Match`."""
    return await _one(session, banner_id, response)


@router.patch("/v1/banners/{bannerId:int}", dependencies=[IDEMPOTENT], responses=problems(404, 412))
async def change_banner(
    banner_id: BannerId,
    body: BannerChange,
    session: Session,
    response: Response,
    caller: Merchandiser,
    expected: IfMatch = None,
) -> BannerOut:
    """Change a banner; omitted fields stay unchanged, and `texts` are replaced as a whole."""
    await editing.change(session, BANNER, banner_id, body.changes(), expected, caller)
    return await _one(session, banner_id, response)


@router.delete("/v1/banners/{bannerId:int}", status_code=204, dependencies=[IDEMPOTENT], responses=problems(404, 412))
async def delete_banner(banner_id: BannerId, session: Session, caller: Merchandiser, expected: IfMatch = None) -> None:
    """Remove a banner."""
    await editing.remove(session, BANNER, banner_id, expected, caller)


async def _one(session: Session, banner_id: int, response: Response) -> BannerOut:
    found = BannerOut.model_validate(await editing.read(session, BANNER, banner_id))
    response.headers["ETag"] = tag(found.version)
    return found
