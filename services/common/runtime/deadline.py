"""The deadline of the request being handled: its caller sets it by `X-Deadline-Ms`, all calls for it keep it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from starlette.types import ASGIApp, Receive, Scope, Send

DEADLINE_HEADER = "x-deadline-ms"
MINIMUM_SECONDS = 0.001
_HEADER = DEADLINE_HEADER.encode()
deadline: ContextVar[float | None] = ContextVar("deadline", default=None)
"""The current request's deadline, by `time.monotonic()`; None: nobody set one."""


class DeadlineMiddleware:
    """Applies the deadline of an incoming request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; its deadline applies to all calls it makes."""
        given = next((value for name, value in scope.get("headers", ()) if name == _HEADER), b"")
        is_sane = given.isdigit() and len(given) < 8 and int(given) > 0  # noqa: PLR2004 - three hours in milliseconds
        token = deadline.set(time.monotonic() + int(given) / 1000 if is_sane else None)
        try:
            await self._app(scope, receive, send)
        finally:
            deadline.reset(token)


def time_left() -> float:
    """The remaining seconds of the current request; infinite if its caller set no deadline."""
    end = deadline.get()
    return float("inf") if end is None else max(end - time.monotonic(), MINIMUM_SECONDS)


@contextmanager
def until(end: float) -> Iterator[None]:
    """Let no call take longer than until then, by `time.monotonic()`, nor than the current request's deadline."""
    token = deadline.set(min(end, time.monotonic() + time_left()))
    try:
        yield
    finally:
        deadline.reset(token)
