"""A circuit breaker: after some failures in a row it refuses at once, and lets one try through after a pause."""

import time


class CircuitOpenError(ConnectionError):
    """Refused without trying: the last tries failed, and the pause is not over."""


class Breaker:
    """Counts failures in a row; not shared between processes, for each sees its own network."""

    def __init__(self, *, failures: int, pause: float) -> None:
        self._limit = failures
        self._pause = pause
        self._failures = 0
        self._next_try = 0.0

    @property
    def is_open(self) -> bool:
        """Whether a call would be refused now."""
        return self._failures >= self._limit and time.monotonic() < self._next_try

    def check(self) -> None:
        """Raise `CircuitOpenError` while open; after the pause one caller passes and the others wait for it."""
        if self.is_open:
            raise CircuitOpenError("recent calls failed")
        if self._failures >= self._limit:
            self._next_try = time.monotonic() + self._pause

    def failed(self) -> None:
        """Note a failure."""
        self._failures += 1
        self._next_try = time.monotonic() + self._pause

    def undecided(self) -> None:
        """Note that a try told nothing of the other side; was it the one after the pause, then the next one is."""
        self._next_try = 0.0

    def succeeded(self) -> None:
        """Note a success: closed again."""
        self._failures = 0
