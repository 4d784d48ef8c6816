"""Users of an imported shop, in few statements; each chunk of lines is committed before the next one is read."""

from collections.abc import Sequence
from datetime import UTC, datetime
from tempfile import SpooledTemporaryFile

from fastapi import Request
from fastapi.responses import StreamingResponse
from pydantic import ValidationError
from sqlalchemy import func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.auth.addresses import key_of
from services.auth.models import AuthUser, Role, UserRole, UserStatus
from services.auth.schemas import ImportedUser, LineResult
from services.auth.users import CUSTOMER, PRODUCER
from services.common.messaging.outbox import append_events
from services.common.runtime.errors import Fault, faults_of
from services.common.storage.database import Database
from services.common.storage.upsert import upsert_rows
from services.common.web import ndjson
from services.contracts.envelope import Event
from services.contracts.events.identity import UserRegistered

CHUNK_LINES = 1_000
SPOOLED_IN_MEMORY = 1024 * 1024
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('services.auth.bulk', 0))")


async def run(request: Request) -> StreamingResponse:
    """Make the users of the request's lines; sent again, it changes nothing twice."""
    database: Database = request.app.state.database
    results = SpooledTemporaryFile(max_size=SPOOLED_IN_MEMORY)  # noqa: SIM115 - closed when the answer is sent
    try:
        async for chunk in ndjson.chunks(request, CHUNK_LINES):
            async with database.sessions.begin() as session:
                made = await import_users(session, chunk)
            for result in made:
                results.write(result.model_dump_json(by_alias=True, exclude_none=True).encode() + b"\n")
    except BaseException:
        results.close()
        raise
    return ndjson.answer(results)


async def import_users(session: AsyncSession, lines: Sequence[ndjson.Line]) -> list[LineResult]:
    """Make the users that are new; a result for each line."""
    good, results = _read(lines)
    await session.execute(_ONE_AT_A_TIME)
    named = select(AuthUser.id, AuthUser.status).where(AuthUser.id == func.any([user.user_id for _, user in good]))
    known = {row.id: row.status for row in await session.execute(named)}
    keys = [key_of(user.email) for _, user in good if user.email]
    taken = set(await session.scalars(select(AuthUser.email_key).where(AuthUser.email_key == func.any(keys))))
    new = []
    for number, user in good:
        fault = None
        if known.get(user.user_id) == UserStatus.DELETED:
            fault = Fault(field="userId", message="This user was deleted")
        elif user.user_id not in known and user.email and key_of(user.email) in taken:
            fault = Fault(field="email", message="Another user has this address")
        elif user.user_id not in known:
            new.append(user)
            known[user.user_id] = UserStatus.ACTIVE
            taken.add(key_of(user.email) if user.email else None)
            results.append(LineResult(line=number, status="created", user_id=user.user_id))
            continue
        status = "refused" if fault else "unchanged"
        results.append(LineResult(line=number, status=status, user_id=user.user_id, errors=[fault] if fault else None))
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


def _read(lines: Sequence[ndjson.Line]) -> tuple[list[tuple[int, ImportedUser]], list[LineResult]]:
    """The lines that are valid, with their numbers, and a result for each that is not."""
    good: list[tuple[int, ImportedUser]] = []
    refused: list[LineResult] = []
    for number, line in lines:
        try:
            user = ImportedUser.model_validate_json(line)
        except ValidationError as error:
            refused.append(LineResult(line=number, status="refused", errors=faults_of(error)))
            continue
        good.append((number, user))
    return good, refused
