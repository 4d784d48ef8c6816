"""What a shopper is to see, and the merchandisers' rows."""

from typing import Annotated, Any

from fastapi import Path, Query, Request, Response
from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.identity.policy import PUBLIC, role
from services.common.identity.tokens import Principal
from services.common.runtime.errors import Forbidden, Unauthorized, problems
from services.common.storage.database import Session
from services.common.web.fields import PathId, UserId
from services.common.web.idempotency import IDEMPOTENT
from services.common.web.paging import CursorParam, LimitParam, decode_cursor, encode_cursor
from services.common.web.references import ProductReference
from services.common.web.routing import Router
from services.content import queries, service
from services.content.models import TopPageDisplay
from services.content.schemas import DisplayChange, DisplayOut, DisplayPage, DisplaysOut, NewDisplay
from services.contracts.envelope import VISITOR, DisplayType

router = Router(tags=["displays"])
MERCHANDISER = role("merchandiser", "admin")
CHANGE = [MERCHANDISER, IDEMPOTENT]
DisplayId = Annotated[PathId, Path(alias="displayId")]
ProductFilter = Annotated[ProductReference | None, Query(alias="productId")]
TypeFilter = Annotated[DisplayType | None, Query(alias="displayType")]


@router.get("/v1/displays", response_model=DisplaysOut, responses=problems(403))
async def read_displays(
    request: Request,
    session: Session,
    caller: Annotated[Principal | None, PUBLIC],
    user_id: Annotated[UserId | None, Query(alias="userId")] = None,
) -> Response:
    """The shelves of one user, or without `userId` everyone's.

    A customer's own are for the customer, for merchandisers and for services; a visitor's (`anon:…`) are open.
    """
    _refuse_strangers(caller, user_id)
    body = await service.displays(session, request.app.state.cache, user_id)
    return Response(body, media_type="application/json", headers={"Cache-Control": "private, no-store"})


def _refuse_strangers(caller: Principal | None, user_id: str | None) -> None:
    if user_id is None or user_id.startswith(VISITOR):
        return
    if caller is None:
        raise Unauthorized("A customer's shelves need the customer's token.")
    if not (caller.is_service or caller.subject == user_id or caller.roles & {"merchandiser", "admin"}):
        raise Forbidden("These are another customer's shelves.")


@router.get("/v1/top-page-displays", dependencies=[MERCHANDISER])
async def list_displays(
    session: Session,
    cursor: CursorParam = None,
    limit: LimitParam = 100,
    product: ProductFilter = None,
    display_type: TypeFilter = None,
) -> DisplayPage:
    """The manual rows by id."""
    after = decode_cursor(cursor, int)
    query = _manual().order_by(TopPageDisplay.id).limit(limit + 1)
    if after:
        query = query.where(TopPageDisplay.id > after[0])
    if product:
        query = query.where(queries.is_about(product))
    if display_type:
        query = query.where(TopPageDisplay.display_type == display_type.value)
    rows = (await session.execute(query)).mappings().all()
    more = encode_cursor(rows[limit - 1]["id"]) if len(rows) > limit else None
    return DisplayPage(items=[DisplayOut(**row) for row in rows[:limit]], next_cursor=more)


@router.post("/v1/top-page-displays", status_code=201, dependencies=CHANGE)
async def create_display(body: NewDisplay, session: Session, response: Response) -> DisplayOut:
    """Pin, hide or price a product."""
    display_id = await service.create(session, body.changes())
    response.headers["Location"] = f"/v1/top-page-displays/{display_id}"
    return await _one(session, display_id)


@router.get("/v1/top-page-displays/{displayId}", dependencies=[MERCHANDISER], responses=problems(404))
async def read_display(display_id: DisplayId, session: Session) -> DisplayOut:
    """One manual row."""
    return await _one(session, display_id)


@router.patch("/v1/top-page-displays/{displayId}", dependencies=CHANGE, responses=problems(404))
async def change_display(display_id: DisplayId, body: DisplayChange, session: Session) -> DisplayOut:
    """Change a manual row; what is left out stays as it is."""
    await service.change(session, display_id, body.changes())
    return await _one(session, display_id)


@router.delete("/v1/top-page-displays/{displayId}", status_code=204, dependencies=CHANGE, responses=problems(404))
async def delete_display(display_id: DisplayId, session: Session) -> None:
    """Remove a manual row."""
    await service.remove(session, display_id)


def _manual() -> Select[Any]:
    mirrored = {column.name for column in queries.MIRRORED}
    own = [column for column in TopPageDisplay.__table__.columns if column.name not in mirrored | {"rank", "score"}]
    return queries.beside_catalog(*own, *queries.MIRRORED).where(TopPageDisplay.generation.is_(None))


async def _one(session: AsyncSession, display_id: int) -> DisplayOut:
    row = (await session.execute(_manual().where(TopPageDisplay.id == display_id))).mappings().one_or_none()
    if row is None:
        raise service.DisplayNotFound(f"There is no manual row {display_id}.")
    return DisplayOut(**row)
