"""Deletions of users across all services, for operators."""

from typing import Annotated

from fastapi import Path

from services.common.identity.policy import role
from services.common.runtime.errors import problems
from services.common.storage.database import Session
from services.common.web.fields import UserId
from services.common.web.paging import CursorParam, LimitParam, decode_cursor
from services.common.web.routing import Router
from services.profile import erasures
from services.profile.schemas import ErasureOut, ErasurePage

router = Router(tags=["erasures"])
OPERATOR = role("operator", "admin")


@router.get("/v1/erasures", dependencies=[OPERATOR])
async def list_incomplete(session: Session, *, cursor: CursorParam = None, limit: LimitParam = 100) -> ErasurePage:
    """Deleted users whose data some service has not erased yet."""
    (after,) = decode_cursor(cursor, UserId) or (None,)
    rows = await erasures.incomplete(session, limit + 1, after)
    return ErasurePage.of([ErasureOut.of(row) for row in rows], limit, "user_id")


@router.get("/v1/erasures/{userId}", dependencies=[OPERATOR], responses=problems(404))
async def read_erasure(user_id: Annotated[UserId, Path(alias="userId")], session: Session) -> ErasureOut:
    """Which services have erased a deleted user's data."""
    return ErasureOut.of(await erasures.read(session, user_id))
