"""Does the work of a request with an `Idempotency-Key` once; `idempotency.py` says what that means.

response = await once(request, policy, work, is_required=True)
"""

import hashlib
import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

from fastapi import Request
from fastapi.responses import Response
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.identity.policy import Policy
from services.common.runtime.errors import Fault, Unprocessable
from services.common.web.error_handlers import answer_to_mistake
from services.common.web.idempotency import HEADER, KEY_PATTERN, LONGEST_KEY
from services.common.web.idempotency_store import Claim, claim_key

NOT_FINAL: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS})
Work = Callable[[Request], Awaitable[Response]]


async def once(request: Request, policy: Policy, work: Work, *, is_required: bool) -> Response:
    """Do the work, unless a request with this key did, or is about to.

    Raises:
        RequestInFlight, KeyReused, Replay: as they say.
        Unprocessable: the key is missing, or is none.
    """
    request.state.idempotency = None
    keys = request.headers.getlist(HEADER)
    if not keys and not is_required:
        return await work(request)
    caller = await policy(request)
    if caller is None:
        raise RuntimeError("a key without a verified caller belongs to nobody")
    claim = await claim_key(
        request.app.state.database,
        f"{caller.scope} {request.method} {request.scope['route'].path_format}",
        _valid(keys),
        await _fingerprint(request),
        seconds=request.app.state.settings.idempotency_claim_seconds,
    )
    request.state.idempotency = claim
    try:
        response = await _done(request, work, claim)
    except BaseException as error:
        await _settle(request, claim, error)
        raise
    if not _is_final(response):
        await claim.release()
    return response


async def _done(request: Request, work: Work, claim: Claim) -> Response:
    """Do the work, keep its answer, and commit both."""
    response = await work(request)
    session = _session(request)
    if _is_final(response):
        await claim.keep(response, session)
    if session is not None:
        await session.commit()  # here, so that the key can be released if it fails
    return response


async def _settle(request: Request, claim: Claim, error: BaseException) -> None:
    """Keep the answer to an error if a repetition would get the same, else release the key."""
    if (session := _session(request)) is not None:
        await session.close()  # rolls back, and gives its connection back before another is taken
    answer = await answer_to_mistake(request, error)
    if answer is not None and _is_final(answer) and getattr(error, "is_final", True):
        await claim.keep(answer)
    else:
        await claim.release()


def _valid(keys: list[str]) -> str:
    if len(keys) == 1 and len(keys[0]) <= LONGEST_KEY and re.fullmatch(KEY_PATTERN, keys[0]):
        return keys[0]
    message = f"Must be one key of 1 to {LONGEST_KEY} visible ASCII characters" if keys else "Field required"
    raise Unprocessable(
        f"This request needs a valid {HEADER}.", errors=[Fault(field=f"header.{HEADER}", message=message)]
    )


async def _fingerprint(request: Request) -> bytes:
    where = request.scope["path"], request.scope["query_string"]  # `request.url` is parsed, and loses some of it
    return hashlib.sha256(repr(where).encode() + await request.body()).digest()


def _is_final(response: Response) -> bool:
    return response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR and response.status_code not in NOT_FINAL


def _session(request: Request) -> AsyncSession | None:
    return getattr(request.state, "session", None)
