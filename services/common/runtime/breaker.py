"""A circuit breaker: after several failures in a row it fails fast, and lets one call through after a pause."""

import time


class CircuitOpenError(ConnectionError):
    """Refused without a call: the last calls failed, and the pause is not over."""


class Breaker:
    """Counts failures in a row; not shared between processes, because each has its own network."""

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
        """Record a failure."""
        self._failures += 1
        self._next_try = time.monotonic() + self._pause

    def undecided(self) -> None:
        """Record a call without a verdict on the other side; if it was the trial after the pause, the next call is."""
        self._next_try = 0.0

    def succeeded(self) -> None:
        """Record a success and close the circuit."""
        self._failures = 0
