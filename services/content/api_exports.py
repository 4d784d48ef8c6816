"""What is stored about a user, for the export of the user's own data."""

from typing import Annotated

from fastapi import Path

from services.common.identity.policy import service
from services.common.storage.database import Session
from services.common.web.fields import UserId
from services.common.web.routing import Router
from services.content import queries
from services.content.models import Wish
from services.content.schemas import ExportOut

router = Router(tags=["exports"])


@router.get("/v1/exports/{userId}", dependencies=[service("profile")])
async def export(user_id: Annotated[UserId, Path(alias="userId")], session: Session) -> ExportOut:
    """A user's shelves, of each generation that is kept, and what the user wishes of them."""
    shelves = await queries.shelves_of(session, user_id)
    return ExportOut.model_validate({"wishes": await session.get(Wish, user_id), "shelves": list(shelves)})
