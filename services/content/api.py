"""Routes for shelves and for merchandisers' rows."""

from typing import Annotated

from fastapi import Depends, Path, Query, Request, Response

from services.common.identity.policy import owner
from services.common.identity.principal import Principal
from services.common.runtime.errors import problems
from services.common.storage.database import Session
from services.common.web.fields import PathId, UserId
from services.common.web.paging import CursorParam, LimitParam, decode_cursor
from services.common.web.preconditions import tagged
from services.common.web.references import ProductReference
from services.common.web.routing import Router
from services.content import displays, editing, queries, service
from services.content.callers import EDITS, MERCHANDISER, MERCHANDISERS, Change, Creation
from services.content.displays import DISPLAY
from services.content.promises import Promises
from services.content.schemas import DisplayChange, DisplayOut, DisplayPage, DisplaysOut, Move, NewDisplay, PinOrder
from services.contracts.envelope import DisplayType

router = Router(tags=["displays"])
READER = owner(*MERCHANDISERS, place="query", services=("serving", "pipelines"))
DisplayId = Annotated[PathId, Path(alias="displayId")]
ProductFilter = Annotated[ProductReference | None, Query(alias="productId")]
TypeFilter = Annotated[DisplayType | None, Query(alias="displayType")]


async def _promises(request: Request) -> Promises:
    state = request.app.state
    return Promises(state.database.sessions, state.catalog, request.headers["authorization"])


Promised = Annotated[Promises, Depends(_promises)]


@router.get("/v1/displays", response_model=DisplaysOut, responses=problems(403))
async def read_displays(
    request: Request,
    session: Session,
    caller: Annotated[Principal | None, READER],
    user_id: Annotated[UserId | None, Query(alias="userId")] = None,
) -> Response:
    """The shelves of one user, or without `userId` those for everyone.

    A user's or visitor's shelves are visible to them, to merchandisers and to serving; what is hidden only to
    merchandisers and services.
    """
    tells_hidden = caller is not None and (caller.is_service or not caller.roles.isdisjoint(MERCHANDISERS))
    body = await service.displays(session, request.app.state.cache, user_id, tells_hidden=tells_hidden)
    return Response(body, media_type="application/json")


@router.get("/v1/top-page-displays", dependencies=[MERCHANDISER])
async def list_displays(
    session: Session,
    cursor: CursorParam = None,
    limit: LimitParam = 100,
    product: ProductFilter = None,
    display_type: TypeFilter = None,
) -> DisplayPage:
    """The manual rows by id."""
    (after,) = decode_cursor(cursor, int) or (None,)
    rows = await queries.list_displays(session, limit + 1, after=after, product=product, display_type=display_type)
    return DisplayPage.of([DisplayOut.of(row) for row in rows], limit, "id")


@router.get("/v1/top-page-displays/pins", dependencies=[MERCHANDISER])
async def read_pins(
    session: Session,
    display_type: Annotated[DisplayType, Query(alias="displayType")],
    user_id: Annotated[UserId | None, Query(alias="userId")] = None,
) -> PinOrder:
    """The pins of a shelf that are not over, for one user or (without `userId`) for everyone, in order: 500 at most."""
    return PinOrder.of(await queries.first_pins(session, display_type.value, user_id))


@router.post("/v1/top-page-displays", status_code=201, dependencies=EDITS, responses=problems(409))
async def create_display(
    body: NewDisplay, edit: Creation, promises: Promised, session: Session, response: Response
) -> DisplayOut:
    """Pin or hide a product."""
    display_id = await displays.create(edit, body.changes(), promises)
    response.headers["Location"] = f"/v1/top-page-displays/{display_id}"
    return await _one(session, display_id, response)


@router.get("/v1/top-page-displays/{displayId:int}", dependencies=[MERCHANDISER], responses=problems(404))
async def read_display(display_id: DisplayId, session: Session, response: Response) -> DisplayOut:
    """One manual row. Its ETag is for `If-Match`."""
    return await _one(session, display_id, response)


@router.patch("/v1/top-page-displays/{displayId:int}", dependencies=EDITS, responses=problems(404, 409, 412))
async def change_display(
    display_id: DisplayId,
    body: DisplayChange,
    edit: Change,
    promises: Promised,
    session: Session,
    response: Response,
) -> DisplayOut:
    """Change a manual row; omitted fields stay unchanged."""
    await displays.change(edit, display_id, body.changes(), promises)
    return await _one(session, display_id, response)


@router.post("/v1/top-page-displays/{displayId:int}/move", dependencies=EDITS, responses=problems(404, 409, 412))
async def move_display(display_id: DisplayId, body: Move, edit: Change, session: Session) -> PinOrder:
    """Put a pin behind another one of its shelf, or before all, whatever their priorities are."""
    moved = await displays.move(edit, display_id, body.after)
    return PinOrder.of(await queries.first_pins(session, moved.display_type, moved.user_id))


@router.delete(
    "/v1/top-page-displays/{displayId:int}", status_code=204, dependencies=EDITS, responses=problems(404, 412)
)
async def delete_display(display_id: DisplayId, edit: Change) -> None:
    """Remove a manual row."""
    await editing.remove(edit, DISPLAY, display_id)


async def _one(session: Session, display_id: int, response: Response) -> DisplayOut:
    return tagged(DisplayOut.of(await displays.read(session, display_id)), response)
