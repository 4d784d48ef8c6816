"""Limits how often passwords and codes can be tried, counted where all workers share it (Redis).

    async with attempts.login(email, network):
        account = await provider.sign_in(email, password)

Nobody is let in while Redis is away. Without REDIS_URL a single process counts in its memory. An account is counted by
its address, whether it exists or not, so that the answers do not differ.
"""

import hashlib
import warnings
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

import cashews
from cashews.exceptions import CacheBackendInteractionError
from redis.exceptions import RedisError

from services.auth.addresses import key_of
from services.common.runtime.errors import Problem, Unavailable
from services.common.storage.redis_connections import RECONNECTING

QUARTER: Final = 15 * 60
MONTH: Final = 30 * 86_400
REDIS_SECONDS: Final = 0.5
MEMORY_ENTRIES: Final = 100_000
Answer = TypeVar("Answer")


class TooManyAttempts(Problem):
    """An address or an account has used up its attempts."""

    status = 429
    title = "Too many attempts"

    def __init__(self, seconds: int, *, needs_reset: bool) -> None:
        advice = "Reset the password to log in again." if needs_reset else "Try again later."
        super().__init__(f"Too many attempts. {advice}", headers={"Retry-After": str(max(seconds, 1))})


@dataclass(frozen=True)
class Limit:
    """At most so many attempts in some seconds from the first one; `needs_reset` if waiting does not help."""

    key: str
    most: int
    seconds: int = QUARTER
    needs_reset: bool = False


class Attempts:
    """Counts attempts."""

    def __init__(self, redis_url: str | None) -> None:
        self._counts = cashews.Cache()
        if redis_url is None:
            self._counts.setup("mem://", size=MEMORY_ENTRIES)
        else:
            self._counts.setup(
                redis_url,
                pickle_type="null",
                suppress=False,
                socket_connect_timeout=REDIS_SECONDS,
                socket_timeout=REDIS_SECONDS,
                **RECONNECTING,
            )

    @asynccontextmanager
    async def login(self, email: str, network: str) -> AsyncIterator[None]:
        """Count an attempt to prove a password; success forgets the failures before it.

        Raises:
            TooManyAttempts: without trying.
            Unavailable: it cannot be counted.
        """
        pair, place, failures = _login_limits(email, network)
        await self._count([pair, place, failures])
        try:
            yield
        except Unavailable:  # not the caller's failure
            await self._take_back(pair, place, failures)
            raise
        await self._take_back(place)
        await self._forget(pair, failures)

    async def mail(self, kind: str, email: str, network: str) -> None:
        """Count a request that sends a mail to an address; raises as `login`."""
        await self._count([*_limits(kind, email, network), Limit(f"auth:{kind}:account:{_name(email)}", 20)])

    async def code(self, kind: str, email: str, network: str) -> None:
        """Count a try of a code; raises as `login`.

        There is no limit of an account from anywhere: strangers could use it up, so that its owner tries none. A code
        of ours cannot be guessed, and Cognito counts those of its own.
        """
        await self._count(_limits(kind, email, network))

    async def open_again(self, email: str, network: str) -> None:
        """Forget the failures of an account, whose password was reset."""
        pair, _, failures = _login_limits(email, network)
        await self._forget(pair, failures)

    async def check(self) -> None:
        """Raise if attempts cannot be counted."""
        await self._counts.ping()

    async def close(self) -> None:
        """Disconnect."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # cashews 7.6 calls redis' old close()
            await self._counts.close()

    async def _count(self, limits: Sequence[Limit]) -> None:
        for limit in limits:
            if await self._asked(self._counts.incr(limit.key, expire=limit.seconds)) > limit.most:
                left = await self._asked(self._counts.get_expire(limit.key))
                raise TooManyAttempts(left, needs_reset=limit.needs_reset)

    async def _take_back(self, *limits: Limit) -> None:
        for limit in limits:
            await self._asked(self._counts.incr(limit.key, -1, expire=limit.seconds))

    async def _forget(self, *limits: Limit) -> None:
        for limit in limits:
            await self._asked(self._counts.delete(limit.key))

    async def _asked(self, call: Awaitable[Answer]) -> Answer:
        try:
            return await call
        except (CacheBackendInteractionError, RedisError, OSError) as error:
            raise Unavailable("Logins are closed at the moment.") from error


def _name(email: str) -> str:
    """An account in keys: no address is readable in Redis."""
    return hashlib.sha256(key_of(email).encode()).hexdigest()


def _limits(kind: str, email: str, network: str) -> tuple[Limit, Limit]:
    """Of an account from an address, and of an address."""
    pair = Limit(f"auth:{kind}:pair:{_name(email)}:{network}", 10)
    return pair, Limit(f"auth:{kind}:network:{network}", 100)


def _login_limits(email: str, network: str) -> tuple[Limit, Limit, Limit]:
    """Of an account from an address, of an address, and of an account from anywhere."""
    failures = Limit(f"auth:login:failures:{_name(email)}", 100, MONTH, needs_reset=True)
    return *_limits("login", email, network), failures
