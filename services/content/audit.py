"""The audit trail: who changed what, from what to what; kept for two years, and of a deleted user without their id."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal
from uuid import uuid4

from pydantic_core import to_jsonable_python
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.identity.principal import Principal
from services.content.models import AuditEntry
from services.contracts.envelope import ERASED

Values = Mapping[str, Any]
What = Literal["banner", "campaign", "display", "experiment", "generation"]
_PRUNE = text(  # each entry takes the place of up to two old ones
    "DELETE FROM audit_entries WHERE id = ANY(ARRAY(SELECT id FROM audit_entries ORDER BY id LIMIT 2))"
    " AND changed_at < now() - interval '2 years'"
)
_ERASE = text(
    "UPDATE audit_entries SET"
    " user_id = CASE WHEN user_id = :id THEN :erased ELSE user_id END,"
    " before = CASE WHEN before ->> 'userId' = :id THEN jsonb_set(before, '{userId}', :value) ELSE before END,"
    " after = CASE WHEN after ->> 'userId' = :id THEN jsonb_set(after, '{userId}', :value) ELSE after END"
    " WHERE user_id = :id OR before ->> 'userId' = :id OR after ->> 'userId' = :id"
)


async def record(
    session: AsyncSession,
    caller: Principal,
    what: What,
    subject: int | str,
    change: str,
    before: Values | None,
    after: Values | None,
) -> None:
    """Note a change in the transaction that makes it; of what was altered, the fields that differ."""
    if before is not None and after is not None:
        differing = [name for name in after if after[name] != before.get(name)]
        before, after = ({name: each.get(name) for name in differing} for each in (before, after))
    await session.execute(_PRUNE)
    entry = AuditEntry(kind=what, subject=str(subject), change=change)
    entry.service, entry.user_id = (caller.subject, None) if caller.is_service else (None, caller.subject)
    entry.before, entry.after = to_jsonable_python(before), to_jsonable_python(after)
    session.add(entry)
    await session.flush()


async def erase(session: AsyncSession, user_ids: Sequence[str]) -> None:
    """Put a random id in the place of each deleted user's, who changed something or for whom something was shown."""
    for user_id in user_ids:
        erased = f"{ERASED}{uuid4()}"
        await session.execute(_ERASE, {"id": user_id, "erased": erased, "value": f'"{erased}"'})
