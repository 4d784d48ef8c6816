"""`Idempotency-Key`: a repeated unsafe request gets the first answer again, and has its effect once.

    @router.post("/v1/products", dependencies=[role("merchandiser"), IDEMPOTENT])     # may have a key
    @router.post("/v1/orders", dependencies=[SHOPPER, REQUIRES_KEY])                  # must have one, else 422
    async def pay(claim: Annotated[Claim, REQUIRES_KEY], ...) -> PaymentOut           # where the use case needs it

In whatever order they stand, `Route` asks the policy first, then claims the key, and only then does anything else. A
key belongs to the verified caller, the method and the route, and for a day to one request: its path, query and body.
Another request with it: 422. The first one still running: 409.

An answer below 500 is kept and replayed, but for 401, 409, 429 and problems that are not `is_final`. Those, 5xx and
exceptions release the key, so that a repetition runs again. A process that dies leaves its claim until the deadline
(`IDEMPOTENCY_CLAIM_SECONDS`).

Where the route has a `Session`, the answer is kept in its transaction: work and answer are committed together, and an
attempt that was overtaken is rolled back. The answer of a route that commits by itself, or calls others, is kept after
the work, and a death between the two lets the work run again. Such a use case passes `claim.scope` and `claim.key` on,
and finds by them what was already done.

Not for public routes, whose callers are strangers: they do not start. Not for routes that answer with a secret, for
answers are stored as they are, nor for streams.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import Depends, Header, Request
from fastapi.dependencies.models import Dependant
from sqlalchemy import Index, Integer, text
from sqlalchemy.orm import Mapped, declared_attr, mapped_column
from starlette.routing import BaseRoute

from services.common.identity.policy import guarded_routes, policy_of
from services.common.web.idempotency_store import Claim

HEADER: Final = "Idempotency-Key"
KEY_PATTERN: Final = r"^[!-~]+$"
LONGEST_KEY: Final = 200
KeyHeader = Annotated[str | None, Header(alias=HEADER, min_length=1, max_length=LONGEST_KEY, pattern=KEY_PATTERN)]
RequiredKeyHeader = Annotated[str, Header(alias=HEADER, min_length=1, max_length=LONGEST_KEY, pattern=KEY_PATTERN)]


class IdempotencyTable:
    """The keys of requests, and the answers to those that have ended; those of a deleted user are found by an index."""

    __tablename__ = "idempotency"

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[Any, ...]:
        return (Index("ix_idempotency_caller", text("split_part(scope, ' ', 1)")),)

    scope: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes]
    attempt: Mapped[int]
    claimed_at: Mapped[datetime] = mapped_column(index=True)
    deadline: Mapped[datetime]
    status: Mapped[int | None] = mapped_column(Integer)
    headers: Mapped[dict[str, Any] | None]
    body: Mapped[bytes | None]


async def optional_claim(request: Request, _: KeyHeader = None) -> Claim | None:
    """The claim of a request that has a key."""
    claim: Claim | None = request.state.idempotency  # an error on a route of another class, which claims nothing
    return claim


async def required_claim(request: Request, _: RequiredKeyHeader) -> Claim:
    """The claim of a request that must have a key."""
    claim: Claim = request.state.idempotency
    return claim


IDEMPOTENT: Any = Depends(optional_claim)
REQUIRES_KEY: Any = Depends(required_claim)


def key_is_required(dependant: Dependant) -> bool | None:
    """Whether a route requires a key; None if it takes none."""
    found = set(_kinds(dependant))
    return any(found) if found else None


def routes_unfit_for_keys(routes: Sequence[BaseRoute], *, has_database: bool) -> Iterator[str]:
    """Routes that take a key, though their caller may be unknown, or no database could hold the claim."""
    for path, methods, needs in guarded_routes(routes):
        policy = policy_of(needs)
        is_fit = has_database and policy is not None and not policy.is_open_to_some
        if key_is_required(needs) is not None and not is_fit:
            yield f"{', '.join(methods)} {path}"


def _kinds(dependant: Dependant) -> Iterator[bool]:
    for dependency in dependant.dependencies:
        if dependency.call in (optional_claim, required_claim):
            yield dependency.call is required_claim
        yield from _kinds(dependency)
