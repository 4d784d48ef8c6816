"""An optional cache: Redis if `REDIS_URL` is set, else process memory; a failure means "not cached".

    cache = Cache(settings)
    body = await cache.get_or_make(f"displays:{user_id}", seconds=30, make=lambda: render(user_id))   # bytes

Values are bytes, stored as they are sent; nothing read from Redis is unpickled.
"""

import logging
import warnings
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import cashews
from cashews.exceptions import CacheBackendInteractionError

from services.common.runtime.breaker import Breaker, CircuitOpenError
from services.common.runtime.settings import ServiceSettings
from services.common.runtime.shared_calls import SharedCalls

logger = logging.getLogger(__name__)

MEMORY_ENTRIES = 20_000
CONNECT_SECONDS = 0.2
ANSWER_SECONDS = 0.5
Answer = TypeVar("Answer")


class Cache:
    """Bytes by key, each service in its own key space."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._prefix = f"{settings.service}:"
        self._breaker = Breaker(failures=1, pause=1.0)
        self._cache = cashews.Cache()
        self._making: SharedCalls[bytes] = SharedCalls()
        if settings.redis_url is None:
            self._cache.setup("mem://", size=MEMORY_ENTRIES)
        else:
            self._cache.setup(
                settings.redis_url,
                pickle_type="null",
                suppress=False,
                socket_connect_timeout=CONNECT_SECONDS,
                socket_timeout=ANSWER_SECONDS,
                max_connections=32,
            )

    async def get(self, key: str) -> bytes | None:
        """The value, or None if it is missing or the cache is unavailable."""
        value = await self._attempt(lambda: self._cache.get(self._prefix + key))
        return value if isinstance(value, bytes) else None

    async def set(self, key: str, value: bytes, seconds: float) -> None:
        """Store a value for a time."""
        await self._attempt(lambda: self._cache.set(self._prefix + key, value, expire=seconds))

    async def get_or_make(self, key: str, *, seconds: float, make: Callable[[], Awaitable[bytes]]) -> bytes:
        """The value, computed and stored if missing; concurrent callers in this process compute it once.

        Raises:
            CallFailedError: it has not been computed by the caller's deadline.
        """
        value = await self.get(key)
        return value if value is not None else await self._making.join(key, partial(self._make, key, seconds, make))

    async def _make(self, key: str, seconds: float, make: Callable[[], Awaitable[bytes]]) -> bytes:
        value = await make()
        await self.set(key, value, seconds)
        return value

    async def check(self) -> None:
        """Raise if the cache does not respond."""
        await self._cache.ping()

    async def close(self) -> None:
        """Disconnect."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # cashews 7.6 calls redis' old close()
            await self._cache.close()

    async def _attempt(self, call: Callable[[], Awaitable[Answer]]) -> Answer | None:
        """The cache's response; None while it is unavailable, and without a call for a moment after a failure."""
        try:
            self._breaker.check()
            answer = await call()
        except CircuitOpenError:
            return None
        except (CacheBackendInteractionError, OSError) as error:
            logger.warning("the cache is unavailable: %s", type(error.__cause__ or error).__name__)
            self._breaker.failed()
            return None
        self._breaker.succeeded()
        return answer
