"""The route of the audit trail."""

from typing import Annotated

from fastapi import Query

from services.common.identity.policy import role
from services.common.runtime.errors import Fault, Unprocessable
from services.common.storage.database import Session
from services.common.web.fields import ShortText, UserId
from services.common.web.paging import CursorParam, LimitParam, decode_cursor
from services.common.web.routing import Router
from services.content import audit, queries
from services.content.callers import MERCHANDISERS
from services.content.models import AuditEntry
from services.content.schemas_audit import AuditPage

router = Router(tags=["audit"])


@router.get("/v1/audit", dependencies=[role(*MERCHANDISERS, "operator")])
async def read_audit(
    session: Session,
    cursor: CursorParam = None,
    limit: LimitParam = 100,
    kind: audit.What | None = None,
    subject: ShortText | None = None,
    user_id: Annotated[UserId | None, Query(alias="userId")] = None,
) -> AuditPage:
    """Who changed what, the newest first: of a kind of things, of one of them (`kind` and `subject`), or by a user."""
    if subject is not None and kind is None:
        raise Unprocessable(errors=[Fault(field="query.kind", message="says what the subject is")])
    wanted = {"kind": kind, "subject": subject, "user_id": user_id}
    found = await queries.newest(session, AuditEntry, decode_cursor(cursor, int), limit + 1, **wanted)
    return AuditPage.of(found, limit, "id")
