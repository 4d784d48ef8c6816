"""Rate limit per caller, class of request (reads, writes, signing in) and minute, counted in Redis across all gateways.

A caller is a user, or, without a user's token, a network address: a flood of visitors, of whom anybody can be many,
does not lock out users of the same address. It protects against floods, not against fraud: while Redis is unavailable
everyone passes.

A gateway counts a hundredth of the limit at once, and lets so many requests pass without asking again. So most requests
wait for nobody, and never more pass than the limit says; what a gateway has counted and not used is lost with the
window.
"""

import logging
import re
import time
from collections import Counter
from typing import Annotated, Any

from fastapi import Depends, Request
from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.common.identity.policy import PUBLIC
from services.common.identity.principal import Principal
from services.common.runtime.breaker import Breaker, CircuitOpenError
from services.common.runtime.errors import Problem
from services.common.storage.redis_connections import RECONNECTING
from services.common.web.addresses import client_network
from services.gateway.cookies import SAFE_METHODS
from services.gateway.settings import GatewaySettings

logger = logging.getLogger(__name__)
WINDOW_SECONDS = 60
REDIS_SECONDS = 0.2
SIGN_IN = re.compile(r"POST /session\n?|[A-Z]+ /v1/auth/(?!sessions/|users/(?!me$)).*", re.DOTALL)
"""Unsafe requests with a password, a code, or an address that gets a mail; neither renewals nor administration.

Routes are found by a path with a line feed behind it as well.
"""
SHARE = 100
MOST_CALLERS = 10_000


class TooManyRequests(Problem):
    """This user or address has exceeded its rate limit, or its connections."""

    status = 429
    title = "Too many requests"

    def __init__(self, seconds: int) -> None:
        super().__init__("Slow down, please.", headers={"Retry-After": str(seconds)})


class RateLimiter:
    """Counts requests in fixed windows of a minute."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._limits = {
            "user:read": settings.user_requests_per_minute,
            "user:write": settings.user_writes_per_minute,
            "user:sign-in": settings.user_sign_ins_per_minute,
            "address:read": settings.address_requests_per_minute,
            "address:write": settings.address_writes_per_minute,
            "address:sign-in": settings.address_sign_ins_per_minute,
        }
        self._breaker = Breaker(failures=1, pause=2.0)
        self._window = 0
        self._left: Counter[str] = Counter()
        """Requests that this gateway has counted and not yet let pass, by caller, in this window."""
        self._redis: Redis | None = None
        if settings.redis_url is not None:
            self._redis = Redis.from_url(
                settings.redis_url,
                socket_connect_timeout=REDIS_SECONDS,
                socket_timeout=REDIS_SECONDS,
                **RECONNECTING,
            )

    async def admit(self, kind: str, caller: str) -> None:
        """Count one request of a kind (`user:write`) of a user or an address.

        Raises:
            TooManyRequests: with the seconds until the next window.
        """
        now = time.time()
        window = int(now // WINDOW_SECONDS)
        if window != self._window or len(self._left) >= MOST_CALLERS:
            self._window = window
            self._left.clear()
        key = f"gateway:rate:{kind}:{caller}:{window}"
        if not self._left[key]:
            granted = await self._granted(key, self._limits[kind])
            self._left[key] += granted
        if not self._left[key]:
            raise TooManyRequests(int((window + 1) * WINDOW_SECONDS - now) + 1)
        self._left[key] -= 1

    async def _granted(self, key: str, limit: int) -> int:
        """So many requests more may pass here."""
        if self._redis is None:
            return 0 if key in self._left else limit
        share = max(1, limit // SHARE)
        try:
            self._breaker.check()
            async with self._redis.pipeline(transaction=False) as pipeline:
                pipeline.incrby(key, share)
                pipeline.expire(key, WINDOW_SECONDS)
                count = int((await pipeline.execute())[0])
        except (RedisError, OSError) as error:
            if not isinstance(error, CircuitOpenError):
                logger.warning("requests are not counted: %s", type(error).__name__)
                self._breaker.failed()
            return share
        self._breaker.succeeded()
        return max(0, min(share, limit - (count - share)))

    async def close(self) -> None:
        """Disconnect from Redis."""
        if self._redis is not None:
            await self._redis.aclose()


def _class_of(request: Request) -> str:
    if request.method in SAFE_METHODS:
        return "read"
    return "sign-in" if SIGN_IN.fullmatch(f"{request.method} {request.scope['path']}") else "write"


async def limit(request: Request, caller: Annotated[Principal | None, PUBLIC]) -> None:
    """Admit the request, and record its caller."""
    if caller and not caller.is_visitor:
        kind, name = "user", caller.subject
    else:
        kind, name = "address", client_network(request.client.host) if request.client else "unknown"
    request.state.caller = f"{kind}:{name}"
    if caller is None or not caller.is_service:
        limiter: RateLimiter = request.app.state.rate_limiter
        await limiter.admit(f"{kind}:{_class_of(request)}", name)


LIMITED: Any = Depends(limit)
