"""A user's profile: one's own, and for those who may see it, another's."""

from typing import Annotated

from fastapi import Path, Request, Response

from services.common.identity.policy import USER, owner
from services.common.identity.principal import Principal
from services.common.runtime.errors import Forbidden, problems
from services.common.storage.database import Session
from services.common.web.fields import UserId
from services.common.web.idempotency import IDEMPOTENT
from services.common.web.ndjson import spooled
from services.common.web.routing import Router
from services.profile import service
from services.profile.exports import Exports
from services.profile.schemas import Export, UserChange, UserOut

router = Router(tags=["users"])
Caller = Annotated[Principal, USER]


@router.get("/v1/users/me", responses=problems(404))
async def read_own_profile(session: Session, caller: Caller) -> UserOut:
    """The caller's profile."""
    return UserOut.of(await service.read(session, caller.subject))


@router.patch("/v1/users/me", dependencies=[USER, IDEMPOTENT], responses=problems(404, 409))
async def change_own_profile(body: UserChange, session: Session, caller: Caller) -> UserOut:
    """Change the caller's profile; a user's email changes in auth."""
    version = body.version if "version" in body.model_fields_set else None
    return UserOut.of(await service.change(session, caller.subject, body.changes(), version))


@router.get("/v1/users/me/export", response_model=Export, responses=problems(404, 409))
async def export_own_data(request: Request, caller: Caller) -> Response:
    """What all services store about the caller, to be kept as a file; not for who views as the user.

    503 names the service that does not answer. Of actions and views it has the latest 10,000 each.
    """
    if caller.actor:
        raise Forbidden("Who views as a user gets no export of that user's data.")
    async with request.app.state.database.sessions() as session:  # no connection is held while others are asked
        profile = UserOut.of(await service.read(session, caller.subject))
    exports: Exports = request.app.state.exports
    answer = spooled(await exports.make(profile), "application/json")
    answer.headers["Content-Disposition"] = 'attachment; filename="my-data.json"'
    return answer


@router.get(
    "/v1/users/{userId}", dependencies=[owner("operator", "admin", services=("order",))], responses=problems(404)
)
async def read_profile(user_id: Annotated[UserId, Path(alias="userId")], session: Session) -> UserOut:
    """A user's profile."""
    return UserOut.of(await service.read(session, user_id))
