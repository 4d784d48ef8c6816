"""Joins concurrent calls of one key within this process: what many ask for at once is asked for once.

calls: SharedCalls[bytes] = SharedCalls()
body = await calls.join(user_id, lambda: render(user_id))
"""

import asyncio
import math
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from functools import partial
from typing import Any, Generic, TypeVar

from services.common.runtime.answers import CallFailedError
from services.common.runtime.deadline import deadline, time_left

Answer = TypeVar("Answer")


class SharedCalls(Generic[Answer]):
    """The calls under way, by key."""

    def __init__(self) -> None:
        self._under_way: dict[str, asyncio.Task[Answer]] = {}

    async def join(self, key: str, call: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        """The result of the call of this key that is under way, or of a new one; who leaves ends it for nobody.

        The call is nobody's own, so it has no caller's deadline; each caller waits for it no longer than its own.

        Raises:
            CallFailedError: it has not ended by the caller's deadline.
        """
        task = self._under_way.get(key)
        if task is None:
            context = copy_context()
            context.run(deadline.set, None)
            task = self._under_way[key] = asyncio.create_task(call(), context=context)
            task.add_done_callback(partial(self._end, key))
        left = time_left()
        ended, _ = await asyncio.wait([task], timeout=left if math.isfinite(left) else None)
        if not ended:
            raise CallFailedError("What was asked for is not there within the deadline.")
        return task.result()

    def _end(self, key: str, done: asyncio.Task[Answer]) -> None:
        del self._under_way[key]
        if not done.cancelled():
            done.exception()  # when everybody has left, nobody else looks at it
