"""Responses about the audit trail."""

from datetime import datetime
from typing import Any

from services.common.web.fields import Schema
from services.common.web.paging import Page


class AuditEntryOut(Schema):
    """A change: by whom (a user, or a service), of what, and the fields that differ, as they were and as they are."""

    id: int
    changed_at: datetime
    user_id: str | None
    service: str | None
    kind: str
    subject: str
    change: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class AuditPage(Page[AuditEntryOut]):
    """One page of changes, the newest first."""
