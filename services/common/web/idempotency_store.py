"""Claims of idempotency keys, and the answers that are kept: a row for each key, in the service's database.

    claim = await claim_key(database, scope, key, fingerprint, seconds=120)   # or RequestInFlight, KeyReused, Replay
    await claim.keep(response, session)                                       # in the work's own transaction
    await claim.release()                                                     # the next request runs it again

A claim is committed at once, and holds no connection while the work runs. It ends at its deadline; the next request
with the key then takes over, with the next attempt's number, and the earlier attempt can keep and release nothing more.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import orjson
from fastapi.responses import Response
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.runtime.errors import Conflict, Problem, Unprocessable
from services.common.storage.database import Database

logger = logging.getLogger(__name__)
MOST_KEPT_BYTES: Final = 256 * 1024
KEPT_HEADERS: Final = ("content-type", "location", "etag", "cache-control")
_PRUNE = text(
    "DELETE FROM idempotency WHERE ctid = ANY(ARRAY(SELECT ctid FROM idempotency"
    " WHERE claimed_at < now() - interval '1 day' LIMIT 10 FOR UPDATE SKIP LOCKED))"
)
_CLAIM = text(
    "INSERT INTO idempotency AS held (scope, key, fingerprint, attempt, claimed_at, deadline)"
    " VALUES (:scope, :key, :fingerprint, 1, now(), now() + make_interval(secs => :seconds))"
    " ON CONFLICT (scope, key) DO UPDATE SET fingerprint = excluded.fingerprint, attempt = held.attempt + 1,"
    "  claimed_at = now(), deadline = excluded.deadline, status = NULL, headers = NULL, body = NULL"
    " WHERE held.claimed_at < now() - interval '1 day'"
    "  OR (held.status IS NULL AND held.deadline <= now() AND held.fingerprint = excluded.fingerprint)"
    " RETURNING attempt"
)
_FIND = text("SELECT fingerprint, status, headers, body FROM idempotency WHERE scope = :scope AND key = :key")
_MINE: Final = "WHERE scope = :scope AND key = :key AND attempt = :attempt AND status IS NULL"
_KEEP = text(
    f"UPDATE idempotency SET status = :status, headers = CAST(:headers AS jsonb), body = :body {_MINE} RETURNING key"  # noqa: S608 - put together from the text above
)
_FORGET = text("DELETE FROM idempotency WHERE split_part(scope, ' ', 1) = ANY(:callers)")  # as its index has it
_RELEASE = text(f"UPDATE idempotency SET deadline = now() {_MINE}")  # noqa: S608 - likewise


class RequestInFlight(Conflict):
    """Another request with this key has not ended."""

    title = "Request in flight"

    def __init__(self) -> None:
        super().__init__("A request with this Idempotency-Key is still running.", headers={"Retry-After": "1"})


class KeyReused(Unprocessable):
    """The key belongs to another request."""

    title = "Idempotency key reused"


class Replay(Problem):
    """Not a problem: ends the request with the answer that was kept."""

    def __init__(self, kept: Response) -> None:
        super().__init__()
        self._kept = kept

    def response(self) -> Response:
        """The first answer, marked as repeated."""
        self._kept.headers["Idempotent-Replayed"] = "true"
        return self._kept


@dataclass(frozen=True)
class Claim:
    """A key that this request holds; `scope` and `key` together name the request for ever."""

    database: Database
    scope: str
    key: str
    attempt: int

    async def keep(self, response: Response, session: AsyncSession | None = None) -> None:
        """Keep the answer for repetitions; in a session, both the work and its answer are committed, or neither.

        Raises:
            RequestInFlight: another request has taken over; the session must be rolled back.
        """
        headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
        values = self._mine | {
            "status": response.status_code,
            "headers": orjson.dumps(headers).decode(),
            "body": _body(response),
        }
        if session is not None:
            is_kept = await session.scalar(_KEEP, values)
        else:
            async with self.database.autocommit() as connection:
                is_kept = await connection.scalar(_KEEP, values)
        if is_kept is None:
            raise RequestInFlight

    async def release(self) -> None:
        """Give the key to the next request that repeats this one; without a database it waits for the deadline."""
        try:
            async with self.database.autocommit() as connection:
                await connection.execute(_RELEASE, self._mine)
        except (DBAPIError, PoolTimeoutError) as error:
            logger.warning("an idempotency key stays claimed until its deadline: %s", type(error).__name__)

    @property
    def _mine(self) -> dict[str, object]:
        return {"scope": self.scope, "key": self.key, "attempt": self.attempt}


async def claim_key(database: Database, scope: str, key: str, fingerprint: bytes, *, seconds: float) -> Claim:
    """Claim a key for so many seconds; drop a few rows of more than a day ago.

    Raises:
        RequestInFlight: it is claimed, and the deadline has not passed.
        KeyReused: it was claimed for another request.
        Replay: the request was answered.
    """
    name = {"scope": scope, "key": key}
    async with database.autocommit() as connection:
        await connection.execute(_PRUNE)  # a statement of its own: two claims that prune never wait for each other
        attempt = await connection.scalar(_CLAIM, {**name, "fingerprint": fingerprint, "seconds": seconds})
        if attempt is not None:
            return Claim(database, scope, key, attempt)
        found = (await connection.execute(_FIND, name)).one_or_none()
    if found is None:  # pruned just now
        raise RequestInFlight
    if bytes(found.fingerprint) != fingerprint:
        raise KeyReused("This Idempotency-Key was used for another request.")
    if found.status is None:
        raise RequestInFlight
    raise Replay(Response(bytes(found.body), found.status, found.headers))


async def forget_answers(session: AsyncSession, user_ids: Iterable[str]) -> None:
    """Delete the answers to deleted users, in the caller's transaction."""
    await session.execute(_FORGET, {"callers": [f"user:{each}" for each in user_ids]})


def _body(response: Response) -> bytes:
    body = getattr(response, "body", None)
    if body is None or len(body) > MOST_KEPT_BYTES:
        raise RuntimeError(f"the answer to a request with a key is a stream, or has more than {MOST_KEPT_BYTES} bytes")
    return bytes(body)
