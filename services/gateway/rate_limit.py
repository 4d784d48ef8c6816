"""Rate limit per caller and minute, counted in Redis across all gateways.

A caller is a user, or, without a user's token, a network address: a flood of visitors, of whom anybody can be many,
does not lock out users of the same address. It protects against floods, not against fraud: while Redis is unavailable
everyone passes.
"""

import logging
import time
from typing import Annotated, Any

import cashews
from cashews.exceptions import CacheBackendInteractionError
from fastapi import Depends, Request
from redis.exceptions import RedisError

from services.common.identity.policy import PUBLIC
from services.common.identity.principal import Principal
from services.common.runtime.breaker import Breaker
from services.common.runtime.errors import Problem
from services.common.web.addresses import client_network
from services.gateway.settings import GatewaySettings

logger = logging.getLogger(__name__)
WINDOW_SECONDS = 60
REDIS_SECONDS = 0.2


class TooManyRequests(Problem):
    """This user or address has exceeded its rate limit, or its connections."""

    status = 429
    title = "Too many requests"

    def __init__(self, seconds: int) -> None:
        super().__init__("Slow down, please.", headers={"Retry-After": str(seconds)})


class RateLimiter:
    """Counts requests in fixed windows of a minute."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._limits = {"user": settings.user_requests_per_minute, "address": settings.address_requests_per_minute}
        self._breaker = Breaker(failures=1, pause=2.0)
        self._counts = cashews.Cache()
        if settings.redis_url is None:
            self._counts.setup("mem://", size=10_000)
        else:
            self._counts.setup(
                settings.redis_url,
                pickle_type="null",
                suppress=False,
                socket_connect_timeout=REDIS_SECONDS,
                socket_timeout=REDIS_SECONDS,
            )

    async def admit(self, kind: str, caller: str) -> None:
        """Count one request of a user or an address.

        Raises:
            TooManyRequests: with the seconds until the next window.
        """
        now = time.time()
        window = int(now // WINDOW_SECONDS)
        if await self._count(f"gateway:rate:{kind}:{caller}:{window}") > self._limits[kind]:
            raise TooManyRequests(int((window + 1) * WINDOW_SECONDS - now) + 1)

    async def _count(self, key: str) -> int:
        try:
            self._breaker.check()
            count = await self._counts.incr(key, expire=WINDOW_SECONDS)
        except (CacheBackendInteractionError, RedisError, OSError) as error:
            if not isinstance(error, ConnectionError):
                logger.warning("requests are not counted: %s", type(error).__name__)
                self._breaker.failed()
            return 0
        self._breaker.succeeded()
        return count

    async def close(self) -> None:
        """Disconnect from Redis."""
        await self._counts.close()


async def _limited(request: Request, caller: Annotated[Principal | None, PUBLIC]) -> None:
    """Admit the request, and record its caller."""
    address = client_network(request.client.host) if request.client else "unknown"
    kind, name = ("user", caller.subject) if caller and not caller.is_visitor else ("address", address)
    request.state.caller = f"{kind}:{name}"
    if caller is None or not caller.is_service:
        limiter: RateLimiter = request.app.state.rate_limiter
        await limiter.admit(kind, name)


LIMITED: Any = Depends(_limited)
