"""Who is who, and what they wish: visitors who logged in, users without consent, and deleted ones."""

from bisect import insort
from collections.abc import Iterable
from math import inf
from typing import Final, NamedTuple

MAX_VISITORS: Final = 200_000
MAX_LOGINS: Final = 20
"""Of one visitor, and visitors of one user: the last ones count. The oldest says only where the next begins."""


class Stretch(NamedTuple):
    """What a visitor did after a moment, until another, in seconds since 1970 UTC: it belongs to who then logged in."""

    visitor_id: str
    after: float
    until: float


class Wishes(NamedTuple):
    """What a user's profile says, by its version; of whom no profile tells, consents to everything."""

    version: int = -1
    consents: bool = True
    opted_out: frozenset[str] = frozenset()


UNKNOWN: Final = Wishes()


class People:
    """Takes events in any order, and repeated ones."""

    def __init__(self) -> None:
        self._deleted: set[str] = set()
        self._wishes: dict[str, Wishes] = {}
        self._logins: dict[str, list[tuple[float, str]]] = {}
        self._visitors: dict[str, dict[str, None]] = {}

    def forget(self, user_ids: Iterable[str]) -> None:
        """Treat these users as unknown from now on, for good."""
        self._deleted.update(user_ids)

    def is_forgotten(self, user_id: str) -> bool:
        """Whether the user was deleted."""
        return user_id in self._deleted

    def wish(self, user_id: str, wishes: Wishes) -> None:
        """Note what a user's profile says, unless a newer one is known."""
        if wishes.version >= self._wishes.get(user_id, UNKNOWN).version:
            self._wishes[user_id] = wishes

    def has_profile(self, user_id: str) -> bool:
        """Whether a profile tells of the user."""
        return user_id in self._wishes and user_id not in self._deleted

    def has_own_shelves(self, user_id: str) -> bool:
        """Whether the user is neither deleted nor without consent; all others get the shelves for everyone."""
        return user_id not in self._deleted and self._wishes.get(user_id, UNKNOWN).consents

    def opted_out(self, user_id: str | None) -> frozenset[str]:
        """The shelves that the user does not want."""
        return self._wishes.get(user_id, UNKNOWN).opted_out if user_id else UNKNOWN.opted_out

    def log_in(self, visitor_id: str, user_id: str, at: float) -> None:
        """Note that a visitor logged in; visitors whose first login is longest ago are evicted first."""
        logins = self._logins.setdefault(visitor_id, [])
        if (at, user_id) not in logins:
            insort(logins, (at, user_id))
            del logins[:-MAX_LOGINS]
        visitors = self._visitors.setdefault(user_id, {})
        visitors[visitor_id] = None
        if len(visitors) > MAX_LOGINS:
            del visitors[min(visitors, key=self.last_login)]
        if len(self._logins) > MAX_VISITORS:
            self._evict(next(iter(self._logins)))

    def last_login(self, visitor_id: str) -> float:
        """What the visitor did until then is a user's; before all time for who never logged in."""
        logins = self._logins.get(visitor_id)
        return logins[-1][0] if logins else -inf

    def stretches(self, user_id: str) -> list[Stretch]:
        """What of visitors is this user's: since the visitor's login before, by anybody."""
        return [
            Stretch(visitor_id, logins[place - 1][0] if place else -inf, at)
            for visitor_id in self._visitors.get(user_id, ())
            for logins in (self._logins.get(visitor_id, []),)
            for place, (at, who) in enumerate(logins)
            if who == user_id and (place or len(logins) < MAX_LOGINS)
        ]

    def _evict(self, visitor_id: str) -> None:
        for _, user_id in self._logins.pop(visitor_id):
            visitors = self._visitors.get(user_id, {})
            visitors.pop(visitor_id, None)
            if not visitors:
                self._visitors.pop(user_id, None)
