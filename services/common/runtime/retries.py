"""Whether a failed call is repeated, and after which pause.

Only the outermost layer repeats: a request that came with a deadline is the call of somebody who repeats it, and if
each of three layers tried three times, one request would become 27. A call is repeated if

- the request that it serves has no deadline, or it serves none (a worker's own call);
- it is safe: the service was never reached, the method is idempotent, or the call has an `Idempotency-Key`;
- the failure may pass: no connection, a broken one, or 502, 503 or 504. A slow or unreadable answer is not asked for
  again;
- there is time for the pause, which is never shorter than the service's `Retry-After`, and the budget allows it.
"""

import random
import time
from collections.abc import Iterable
from math import inf

import httpx2

from services.common.runtime.deadline import deadline

ATTEMPTS = 3
FIRST_PAUSE = 0.05
BUDGET_RATIO, BUDGET_RESERVE = 0.1, 10.0
UNAVAILABLE = frozenset({502, 503, 504})
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
IDEMPOTENCY_KEY = "idempotency-key"
UNREACHED = (httpx2.ConnectError, httpx2.ConnectTimeout)
BROKEN = (*UNREACHED, httpx2.NetworkError, httpx2.RemoteProtocolError)
Failure = httpx2.Response | BaseException | None
"""What an attempt met: an answer, or an error of the connection."""


class RetryBudget:
    """A token bucket of one client: a call adds a tenth of a token, a retry takes one; it holds ten.

    So retries are at most a tenth of the calls, plus a reserve for a client that seldom calls: a service that is
    overloaded does not get the load of all attempts on top.
    """

    def __init__(self) -> None:
        self._tokens = BUDGET_RESERVE

    def add_call(self) -> None:
        """Record a call that is not a retry."""
        self._tokens = min(self._tokens + BUDGET_RATIO, BUDGET_RESERVE)

    def take_retry(self) -> bool:
        """Take one retry out; False if there is none."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Retries:
    """The attempts at one call, which ends at `end` by `time.monotonic()`."""

    def __init__(self, budget: RetryBudget, method: str, headers: Iterable[str], end: float) -> None:
        budget.add_call()
        self._budget = budget
        self._end = end
        self._left = ATTEMPTS if deadline.get() is None else 1
        self._is_safe = method.upper() in IDEMPOTENT or IDEMPOTENCY_KEY in {name.lower() for name in headers}
        self._longest = FIRST_PAUSE

    def pause_after(self, failure: Failure) -> float | None:
        """The seconds until the next attempt, or None if there is none."""
        self._left -= 1
        is_safe = self._is_safe or isinstance(failure, UNREACHED)
        if self._left == 0 or not is_safe or not _may_pass(failure):
            return None
        seconds = random.uniform(0, self._longest) + _retry_after(failure)  # noqa: S311 - no secret
        self._longest *= 2
        has_time = time.monotonic() + seconds < self._end
        return seconds if has_time and self._budget.take_retry() else None


def _may_pass(failure: Failure) -> bool:
    if isinstance(failure, httpx2.Response):
        return failure.status_code in UNAVAILABLE
    return isinstance(failure, BROKEN)


def _retry_after(failure: Failure) -> float:
    """The seconds that the service asks for; a date is not read, and so never soon enough."""
    given = failure.headers.get("retry-after", "0") if isinstance(failure, httpx2.Response) else "0"
    return float(given) if given.isdecimal() else inf
