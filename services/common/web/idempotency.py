"""`Idempotency-Key`: a repeated unsafe request gets the first response again, and has its effect once.

    @router.post("/v1/products", dependencies=[role("merchandiser"), IDEMPOTENT])

Put it after the route's policy. Same key and same request: the stored response; another request with the key: 422; the
first still running: 409. The response is stored in the transaction of the request's own effect, so that both or neither
exist. Keys belong to the caller and the route, and last a day. A service's models name the table (`class Idempotency(
IdempotencyTable, Base)`), and its migrations make it.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import Depends, Header, Request
from fastapi.responses import Response
from sqlalchemy import Integer, func, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from services.common.runtime.errors import Conflict, Problem, Unprocessable
from services.common.storage.database import Session

KeyHeader = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200, pattern=r"^[!-~]+$")]
_KEPT_HEADERS = ("content-type", "location", "etag")
_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:scope || chr(10) || :key, 0))")
_FIND = text(
    "SELECT fingerprint, status, headers, body FROM idempotency"
    " WHERE scope = :scope AND key = :key AND created_at > now() - interval '1 day'"
)
_STORE = text(
    "WITH old AS (DELETE FROM idempotency WHERE ctid = ANY(ARRAY(SELECT ctid FROM idempotency"
    "  WHERE created_at < now() - interval '1 day' AND (scope, key) <> (:scope, :key)"
    "  LIMIT 10 FOR UPDATE SKIP LOCKED)))"
    " INSERT INTO idempotency (scope, key, fingerprint, status, headers, body)"
    " VALUES (:scope, :key, :fingerprint, :status, CAST(:headers AS jsonb), :body)"
    " ON CONFLICT (scope, key) DO UPDATE SET fingerprint = excluded.fingerprint, status = excluded.status,"
    "  headers = excluded.headers, body = excluded.body, created_at = now()"
)


class IdempotencyTable:
    """The responses to requests with a key."""

    __tablename__ = "idempotency"

    scope: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes]
    status: Mapped[int] = mapped_column(Integer)
    headers: Mapped[dict[str, Any]]
    body: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)


class RequestInFlight(Conflict):
    """The first request with this key has not ended."""

    title = "Request in flight"


class KeyReused(Unprocessable):
    """The key belongs to another request."""

    title = "Idempotency key reused"


class Replay(Problem):
    """Not a problem: ends the route early with the stored response."""

    def __init__(self, stored: Response) -> None:
        super().__init__()
        self._stored = stored

    def response(self) -> Response:
        """The first response, marked as repeated."""
        self._stored.headers["Idempotent-Replayed"] = "true"
        return self._stored


@dataclass(frozen=True)
class Claim:
    """A key that this request holds until its transaction ends."""

    session: AsyncSession
    scope: str
    key: str
    fingerprint: bytes

    async def store(self, response: Response) -> None:
        """Store the response, in the request's transaction."""
        headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
        values = {
            "status": response.status_code,
            "headers": orjson.dumps(headers).decode(),
            "body": bytes(response.body),
        }
        await self.session.execute(
            _STORE, {"scope": self.scope, "key": self.key, "fingerprint": self.fingerprint, **values}
        )


async def claim_key(
    request: Request,
    session: Session,
    key: KeyHeader = None,
) -> None:
    """Claim the request's key, or return the response of the first request with it."""
    if key is None:
        return
    principal = request.state.principal  # set by the policy; without one the owner of the key is unknown
    route = request.scope["route"].path_format
    caller = f"{'service' if principal.is_service else 'user'}:{principal.subject}" if principal else "visitor"
    scope = f"{caller} {request.method} {route}"
    identity = f"{request.url.path}?{request.url.query}\n".encode() + await request.body()
    fingerprint = hashlib.sha256(identity).digest()
    if not await session.scalar(_LOCK, {"scope": scope, "key": key}):
        raise RequestInFlight("A request with this Idempotency-Key is still running.")
    if (stored := (await session.execute(_FIND, {"scope": scope, "key": key})).one_or_none()) is not None:
        if bytes(stored.fingerprint) != fingerprint:
            raise KeyReused("This Idempotency-Key was used for another request.")
        raise Replay(Response(bytes(stored.body), stored.status, stored.headers))
    request.state.idempotency = Claim(session, scope, key, fingerprint)


IDEMPOTENT: Any = Depends(claim_key)
