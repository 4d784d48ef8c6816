"""A user's profile: one's own, and for those who may see it, another's."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Path, Response

from services.common.identity.policy import USER, owner
from services.common.identity.principal import Principal
from services.common.runtime.errors import Forbidden, problems
from services.common.storage.database import Session
from services.common.web.fields import UserId
from services.common.web.idempotency import IDEMPOTENT
from services.common.web.routing import Router
from services.profile import service
from services.profile.schemas import Export, ExportedSections, UserChange, UserOut

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


@router.get("/v1/users/me/export", responses=problems(404))
async def export_own_data(session: Session, caller: Caller, response: Response) -> Export:
    """What is stored about the caller, to be kept as a file; not for who views as the user."""
    if caller.actor:
        raise Forbidden("Who views as a user gets no export of that user's data.")
    profile = UserOut.of(await service.read(session, caller.subject))
    response.headers["Content-Disposition"] = 'attachment; filename="my-data.json"'
    return Export(user_id=profile.id, exported_at=datetime.now(UTC), sections=ExportedSections(profile=profile))


@router.get("/v1/users/{userId}", dependencies=[owner("operator", "admin")], responses=problems(404))
async def read_profile(user_id: Annotated[UserId, Path(alias="userId")], session: Session) -> UserOut:
    """A user's profile."""
    return UserOut.of(await service.read(session, user_id))
