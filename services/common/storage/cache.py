"""An optional cache: Redis if `REDIS_URL` is set, else process memory; a failure means "not cached".

    cache = Cache(settings, {"displays": 3600})      # what is cached, and for how many seconds at most
    body = await cache.get_or_make(f"displays:{user_id}", seconds=30, make=lambda: render(user_id))   # bytes

A key begins with its kind. A service states its kinds where it makes the cache; `docs/caching.md` says how an entry of
each becomes invalid. Values are bytes, stored as they are sent; nothing read from Redis is unpickled.
"""

import logging
import warnings
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TypeVar

import cashews
from cashews.exceptions import CacheBackendInteractionError

from services.common.runtime.breaker import Breaker, CircuitOpenError
from services.common.runtime.settings import ServiceSettings
from services.common.runtime.shared_calls import SharedCalls
from services.common.storage.redis_connections import RECONNECTING

logger = logging.getLogger(__name__)

MEMORY_ENTRIES = 20_000
CONNECT_SECONDS = 0.2
ANSWER_SECONDS = 0.5
Answer = TypeVar("Answer")


class Cache:
    """Bytes by key, each service in its own key space.

    Args:
        settings: where Redis is, and the service.
        kinds: how many seconds an entry is kept at most, by the first part of its key.
    """

    def __init__(self, settings: ServiceSettings, kinds: Mapping[str, float]) -> None:
        self._prefix = f"{settings.service}:"
        self.kinds = dict(kinds)
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
                **RECONNECTING,
            )

    async def get(self, key: str) -> bytes | None:
        """The value, or None if it is missing or the cache is unavailable."""
        place, _ = self._place(key)
        value = await self._attempt(lambda: self._cache.get(place))
        return value if isinstance(value, bytes) else None

    async def set(self, key: str, value: bytes, seconds: float) -> None:
        """Store a value for a time, or as long as its kind is kept at most."""
        place, most = self._place(key)
        await self._attempt(lambda: self._cache.set(place, value, expire=min(seconds, most)))

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

    def _place(self, key: str) -> tuple[str, float]:
        """The key in Redis, and how many seconds it is kept at most."""
        kind = key.partition(":")[0]
        if kind not in self.kinds:
            raise LookupError(f"say where the cache is made how long {kind!r} is kept, and in docs/caching.md the rest")
        return self._prefix + key, self.kinds[kind]

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
