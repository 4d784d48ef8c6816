"""How a client of Redis deals with a connection that broke while it waited in the pool, as all do when Redis restarts.

Redis.from_url(settings.redis_url, **RECONNECTING)

What does not answer in time is not asked again: it may only be slow, and so may the next answer. A command whose answer
was lost with its connection is sent twice; counts may be one too high then, never too low.
"""

from typing import Any, Final

from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as ConnectionBrokenError

RECONNECTING: Final[dict[str, Any]] = {"retry": Retry(NoBackoff(), 1, supported_errors=(ConnectionBrokenError,))}
"""Once more, at once; each connection takes a copy."""
