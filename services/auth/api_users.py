"""The administration of users."""

from typing import Annotated

from fastapi import Path, Request
from fastapi.responses import StreamingResponse
from starlette.convertors import StringConvertor, register_url_convertor

from services.auth import administration, bulk
from services.auth.addresses import EmailAddress
from services.auth.models import UserStatus
from services.auth.parts import PartsOf
from services.auth.schemas import ExportOut, RoleName, UserOut, UserPage, ViewTokenOut
from services.common.identity.policy import role, service
from services.common.identity.principal import Principal
from services.common.runtime.errors import problems
from services.common.storage.database import Session
from services.common.web import ndjson
from services.common.web.bulk import run
from services.common.web.fields import UserId
from services.common.web.paging import CursorParam, LimitParam, decode_cursor
from services.common.web.routing import Router


class _User(StringConvertor):
    """A user's id, but not the words that have routes of their own beside it."""

    regex = r"(?!(?:me|bulk)(?:/|$))[^/]+"


register_url_convertor("user", _User())
router = Router(tags=["users"])
Named = Annotated[UserId, Path(alias="userId")]
Admin = Annotated[Principal, role("admin")]
Operator = Annotated[Principal, role("admin", "operator")]
Viewer = Annotated[Principal, role("admin", "operator", services=("gateway", "operator"))]
IMPORTER = role(services=("importer",))


@router.get("/v1/auth/users")
async def list_users(
    _: Operator,
    session: Session,
    *,
    email: EmailAddress | None = None,
    cursor: CursorParam = None,
    limit: LimitParam = 100,
) -> UserPage:
    """Users by id; with `email`, the one who has this address."""
    (after,) = decode_cursor(cursor, UserId) or (None,)
    return UserPage.of(await administration.list_users(session, limit + 1, after, email), limit, "id")


@router.post(
    "/v1/auth/users/bulk",
    dependencies=[IMPORTER],
    response_class=StreamingResponse,
    responses={**ndjson.lines_of("line, status, userId, errors"), **problems(415)},
    openapi_extra=ndjson.BODY,
    max_body_size=ndjson.MAX_BODY_BYTES,
)
async def import_users(request: Request) -> StreamingResponse:
    """Make users of an imported shop, one JSON object a line: `userId`, and optionally `email` and `registeredAt`.

    They have no password: a user with an address resets it. Known users stay as they are. Lines are committed in
    chunks: an interrupted upload may be sent again.
    """
    return await run(request, bulk.import_users)


@router.get("/v1/auth/users/{userId:user}", responses=problems(404))
async def read_user(_: Operator, user_id: Named, session: Session) -> UserOut:
    """One user."""
    return UserOut.model_validate(await administration.read_user(session, user_id))


@router.get("/v1/exports/{userId}", dependencies=[service("profile")], responses=problems(404))
async def export(user_id: Named, session: Session) -> ExportOut:
    """What is stored about a user, for the export of the user's own data."""
    return await administration.export(session, user_id)


@router.put("/v1/auth/users/{userId:user}/roles/{role}", status_code=204, responses=problems(404))
async def give_role(_: Admin, user_id: Named, role: RoleName, session: Session) -> None:
    """Give a user a role; it counts at once, because older tokens are refused."""
    await administration.give_role(session, user_id, role)


@router.delete("/v1/auth/users/{userId:user}/roles/{role}", status_code=204, responses=problems(404, 409))
async def take_role(caller: Admin, user_id: Named, role: RoleName, session: Session) -> None:
    """Take a role from a user, at once."""
    await administration.take_role(session, user_id, role, caller)


@router.post("/v1/auth/users/{userId:user}/disable", status_code=204, responses=problems(404, 409))
async def disable(caller: Operator, user_id: Named, parts: PartsOf, session: Session) -> None:
    """Close an account: its sessions and tokens end, and nobody can log in."""
    await administration.set_status(parts, session, user_id, UserStatus.DISABLED, caller)


@router.post("/v1/auth/users/{userId:user}/enable", status_code=204, responses=problems(404, 409))
async def enable(caller: Operator, user_id: Named, parts: PartsOf, session: Session) -> None:
    """Open an account again."""
    await administration.set_status(parts, session, user_id, UserStatus.ACTIVE, caller)


@router.post("/v1/auth/users/{userId:user}/view-as", status_code=201, responses=problems(404))
async def view_as(caller: Viewer, user_id: Named, parts: PartsOf, session: Session) -> ViewTokenOut:
    """A token of a few minutes to see what a user sees; it has no roles and changes nothing, and is recorded."""
    return await administration.view_as(parts, session, user_id, caller)
