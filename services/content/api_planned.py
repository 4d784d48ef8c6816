"""What is planned: serving composes the preview of a page from it."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query

from services.common.storage.database import Session
from services.common.web.fields import Timestamp, UserId
from services.common.web.routing import Router
from services.content import service
from services.content.callers import MERCHANDISER
from services.content.schemas_planned import PlannedDisplays

router = Router(tags=["displays"])


@router.get("/v1/planned-displays", dependencies=[MERCHANDISER])
async def read_planned(
    session: Session,
    user_id: Annotated[UserId | None, Query(alias="userId")] = None,
    at: Timestamp | None = None,
) -> PlannedDisplays:
    """The shelves of one user, or without `userId` those for everyone, with all that is on at a time (default: now)."""
    return await service.planned(session, user_id, at or datetime.now(UTC))
