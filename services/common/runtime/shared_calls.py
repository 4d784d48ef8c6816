"""Joins concurrent calls of one key within this process: what many ask for at once is asked for once.

calls: SharedCalls[bytes] = SharedCalls()
body = await calls.join(user_id, lambda: render(user_id))
"""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Generic, TypeVar

Answer = TypeVar("Answer")


class SharedCalls(Generic[Answer]):
    """The calls under way, by key."""

    def __init__(self) -> None:
        self._under_way: dict[str, asyncio.Task[Answer]] = {}

    async def join(self, key: str, call: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        """The result of the call of this key that is under way, or of a new one; who leaves ends it for nobody."""
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(call())
            task.add_done_callback(partial(self._end, key))
        return await asyncio.shield(task)

    def _end(self, key: str, done: asyncio.Task[Answer]) -> None:
        del self._under_way[key]
        if not done.cancelled():
            done.exception()  # when everybody has left, nobody else looks at it
