"""Rules without I/O: which user has which address, and what a change of a profile leaves of the old one."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from services.contracts.envelope import Contract
from services.contracts.events.identity import UserEmailChanged, UserProfileCreated


@dataclass(frozen=True)
class News:
    """What auth told of a user: the address (empty for none), or that the user was deleted."""

    user_id: str
    account_version: int = 0
    email: str = ""
    is_deletion: bool = False


@dataclass
class Holder:
    """A user, as far as the address goes: the columns of `User` of these names."""

    id: str
    email: str | None = None
    awaited_email: str | None = None
    account_version: int = 0
    version: int = 1


class Holders:
    """Who has which address, whatever the order in which the news of different users arrive.

    In auth an address has one user at any time. Here, a user who is told to have another user's address gets it as
    soon as the other one is told to have given it up; then all users have the addresses that auth told last.

    Attributes:
        deleted: the users who are gone for good.
        changed: the users to be written.
        events: what is to be told of each user.
    """

    def __init__(self, known: Iterable[Holder], deleted: Iterable[str]) -> None:
        self._by_id: dict[str, Holder] = {}
        self._by_email: dict[str, Holder] = {}
        self._awaiting: dict[str, list[Holder]] = {}
        self.deleted = set(deleted)
        self.changed: dict[str, Holder] = {}
        self.events: dict[str, list[tuple[str, Contract]]] = {}
        for user in known:
            self._by_id[user.id] = user
            if user.email is not None:
                self._by_email[user.email] = user
            if user.awaited_email is not None:
                self._awaiting.setdefault(user.awaited_email, []).append(user)

    def apply(self, news: News) -> None:
        """Apply what auth told, unless something newer is known."""
        user = self._by_id.get(news.user_id)
        if news.user_id in self.deleted:
            return
        if news.is_deletion:
            self._remove(news.user_id)
        elif user is None:
            user = self._by_id[news.user_id] = Holder(news.user_id, account_version=news.account_version)
            self._take(user, news.email)
            created = UserProfileCreated(user_id=user.id, email=user.email or "")
            self.events[user.id] = [("USER_PROFILE_CREATED", created)]
        elif user.account_version <= news.account_version:
            user.account_version = news.account_version
            self._change(user, news.email)

    def _change(self, user: Holder, email: str) -> None:
        if self._take(user, email):
            user.version += 1
            changed = UserEmailChanged(user_id=user.id, email=user.email or "", profile_version=user.version)
            self.events.setdefault(user.id, []).append(("USER_EMAIL_CHANGED", changed))

    def _take(self, user: Holder, email: str) -> bool:
        """Whether others are to be told the user's address; not while it is another user's still."""
        before, had_to_wait = user.email, user.awaited_email is not None
        if self._by_email.get(email, user) is user:
            user.email, user.awaited_email = email or None, None
        else:
            user.email, user.awaited_email = None, email
            self._awaiting.setdefault(email, []).append(user)
        self.changed[user.id] = user
        if user.email is not None:
            self._by_email[user.email] = user
        if before is not None and before != user.email:
            self._pass_on(before)
        return user.awaited_email is None and (had_to_wait or before != user.email)

    def _pass_on(self, email: str) -> None:
        """Give an address that its user has no longer to one who awaits it."""
        del self._by_email[email]
        for user in self._awaiting.pop(email, ()):
            if user.awaited_email == email:
                self._change(user, email)

    def _remove(self, user_id: str) -> None:
        self.deleted.add(user_id)
        self.changed.pop(user_id, None)
        self.events.pop(user_id, None)
        if (user := self._by_id.pop(user_id, None)) is not None:
            user.awaited_email = None
            if user.email is not None:
                self._pass_on(user.email)


def merged(old: Any, patch: Any) -> Any:  # noqa: ANN401 - any JSON
    """A JSON value after a merge patch (RFC 7396): omitted names stay, null removes a name, arrays are replaced."""
    if not isinstance(patch, dict):
        return patch
    result = dict(old) if isinstance(old, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result
