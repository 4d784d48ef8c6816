"""Who may change what shoppers are shown."""

from typing import Annotated

from fastapi import Depends

from services.common.identity.policy import role
from services.common.identity.principal import Principal
from services.common.storage.database import Session
from services.common.web.idempotency import IDEMPOTENT
from services.common.web.preconditions import IfMatch
from services.content.editing import Edit

MERCHANDISERS = ("merchandiser", "admin")
MERCHANDISER = role(*MERCHANDISERS)
EDITS = [MERCHANDISER, IDEMPOTENT]
"""The dependencies of a route that takes a `Creation` or a `Change`."""
_Caller = Annotated[Principal, MERCHANDISER]


async def _creation(session: Session, caller: _Caller) -> Edit:
    return Edit(session, caller)


async def _change(session: Session, caller: _Caller, expected: IfMatch = None) -> Edit:
    return Edit(session, caller, expected)


Creation = Annotated[Edit, Depends(_creation)]
"""A parameter of this type creates things for the calling merchandiser."""
Change = Annotated[Edit, Depends(_change)]
"""A parameter of this type changes what the calling merchandiser has seen, by `If-Match`."""
