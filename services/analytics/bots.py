"""Recognises bots: by user agent, with the list of the package crawler-user-agents, and by speed.

An HTTP library does not prove a bot (apps and shops' own servers use them), nor does a missing user agent. Who opens
pages faster than a person can is one, whatever it calls itself. Bots are flagged, and what they did is kept.
"""

import re
from functools import lru_cache
from typing import Final, Generic, NamedTuple, TypeVar

from crawleruseragents import CRAWLER_USER_AGENTS_DATA

_KNOWN: Final = re.compile(
    "|".join(entry["pattern"] for entry in CRAWLER_USER_AGENTS_DATA if "http-library" not in entry["tags"])
)


@lru_cache(maxsize=10_000)  # the list has 1,500 patterns: searching them takes longer than accepting a batch
def is_known_bot(agent: str) -> bool:
    """Whether a user agent names a known crawler, monitor, scanner or automated browser."""
    return _KNOWN.search(agent) is not None


class Pace(NamedTuple):
    """A counter: a product view fills it for `step` seconds, and it holds `seconds`: `seconds / step` views at once."""

    step: float
    seconds: float


BURST: Final = Pace(0.2, 2.0)
"""Ten pages at once, or five a second: closer together than a person can open them, tabs included."""
STEADY: Final = Pace(1.0, 60.0)
"""Sixty pages at once, or one a second: faster than a person can look at them."""
LATE_SECONDS: Final = 5.0
"""What is this much older than the user's latest view was stored, and says nothing about now."""
BURST_IS_FULL, STEADY_IS_FULL = (pace.seconds + 0.001 for pace in (BURST, STEADY))
"""In seconds, and what rounding may add."""
MAX_USERS, MAX_ANSWERS = 25_000, 25_000


Value = TypeVar("Value")


class Recent(Generic[Value]):
    """The values that were kept or read last, between `most` and twice as many: those of two generations."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._new: dict[str, Value] = {}
        self._old: dict[str, Value] = {}

    def get(self, key: str) -> Value | None:
        """A value that is still there."""
        if (value := self._new.get(key)) is None and (value := self._old.get(key)) is not None:
            self.keep(key, value)
        return value

    def keep(self, key: str, value: Value) -> None:
        """Have a value for a while."""
        if len(self._new) >= self._most:
            self._old, self._new = self._new, {}
        self._new[key] = value


class _User:
    """The time of a user's latest view, and when the counter of each pace is empty."""

    __slots__ = ("burst", "latest", "steady")

    def __init__(self) -> None:
        self.latest = self.burst = self.steady = 0.0


class Speeds:
    """How fast the latest users view products, as this process sees it, in 25 MB at most.

    A counter stops at twice its pace: whoever is flagged stays so until it has been slower for as long.
    """

    def __init__(self) -> None:
        self._users: Recent[_User] = Recent(MAX_USERS)
        self._answers: Recent[bool] = Recent(MAX_ANSWERS)

    def is_too_fast_once(self, event_id: str, user: str, at: float, is_view: bool, is_timed: bool) -> bool:  # noqa: FBT001
        """The same of an action with an id: sent again it gets the same answer, for an event has one content."""
        if (answer := self._answers.get(event_id)) is None:
            answer = self.is_too_fast(user, at, is_view, is_timed)
            self._answers.keep(event_id, answer)
        return answer

    def is_too_fast(self, user: str, at: float, is_view: bool, is_timed: bool) -> bool:  # noqa: FBT001 - names take time
        """Whether a user is faster than a person at the time of an action, by its product views.

        Args:
            user: whose action it is.
            at: when it happened, in seconds.
            is_view: whether it is a product view.
            is_timed: whether the sender told the time; the views of a batch without times were not in one moment.
        """
        if (of := self._users.get(user)) is None:
            if not is_view:
                return False
            of = _User()
            self._users.keep(user, of)
        if at < of.latest - LATE_SECONDS:
            return False
        at = of.latest = at if at > of.latest else of.latest  # noqa: FURB136 - `max` takes three times as long
        if is_view:
            of.steady = _counted(of.steady, at, STEADY)
            if is_timed:
                of.burst = _counted(of.burst, at, BURST)
        return of.burst > at + BURST_IS_FULL or of.steady > at + STEADY_IS_FULL


def _counted(empty_at: float, at: float, pace: Pace) -> float:
    step, seconds = pace
    filled, most = (empty_at if empty_at > at else at) + step, at + 2 * seconds  # noqa: FURB136
    return filled if filled < most else most  # noqa: FURB136
