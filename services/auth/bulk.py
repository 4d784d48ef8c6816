"""Users of an imported shop: a chunk's lines (`services.common.web.bulk`) in few statements."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.auth.addresses import key_of
from services.auth.models import AuthUser, Role, UserRole, UserStatus
from services.auth.schemas import ImportedUser, LineResult
from services.auth.users import CUSTOMER, PRODUCER
from services.common.messaging.outbox import append_events
from services.common.runtime.errors import Fault
from services.common.storage.upsert import upsert_rows
from services.common.web import bulk, ndjson
from services.contracts.envelope import Event
from services.contracts.events.identity import UserRegistered

_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('services.auth.bulk', 0))")


async def import_users(session: AsyncSession, lines: Sequence[ndjson.Line]) -> list[LineResult]:
    """Make the users that are new; a result for each line."""
    good, results = bulk.read(ImportedUser, lines, LineResult, "userId")
    await session.execute(_ONE_AT_A_TIME)
    named = select(AuthUser.id, AuthUser.status).where(AuthUser.id == func.any([user.user_id for _, user in good]))
    known = {row.id: row.status for row in await session.execute(named)}
    keys = [key_of(user.email) for _, user in good if user.email]
    taken = set(await session.scalars(select(AuthUser.email_key).where(AuthUser.email_key == func.any(keys))))
    new = []
    for number, user in good:
        result = LineResult(line=number, status="unchanged", user_id=user.user_id)
        if known.get(user.user_id) == UserStatus.DELETED:
            result.status = "deleted"
        elif user.user_id not in known and user.email and key_of(user.email) in taken:
            result.status, result.errors = "refused", [Fault(field="email", message="Another user has this address")]
        elif user.user_id not in known:
            result.status = "created"
            new.append(user)
            known[user.user_id] = UserStatus.ACTIVE
            taken.add(key_of(user.email) if user.email else None)
        results.append(result)
    await _make(session, new)
    return sorted(results, key=lambda result: result.line)


async def _make(session: AsyncSession, new: Sequence[ImportedUser]) -> None:
    now = datetime.now(UTC)
    rows = [
        {
            "id": user.user_id,
            "email": user.email,
            "email_key": user.email and key_of(user.email),
            "created_at": user.registered_at or now,
        }
        for user in new
    ]
    await upsert_rows(session, AuthUser, rows)
    customers = select(AuthUser.id, Role.id).join(Role, Role.name == CUSTOMER)
    customers = customers.where(AuthUser.id == func.any([user.user_id for user in new]))
    await session.execute(insert(UserRole).from_select(["user_id", "role_id"], customers))
    await append_events(
        session,
        (
            Event.of(
                "USER_REGISTERED",
                UserRegistered(user_id=user.user_id, email=user.email or "", account_version=1),
                producer=PRODUCER,
                timestamp=user.registered_at,
            )
            for user in new
        ),
    )
