"""Which tokens were revoked before they end: those of users and sessions that auth has closed.

    revocations = Revocations()
    Follower(settings, topics=[TOPIC], handle=revocations.apply, since=Revocations.since)
    revocations.covers(principal)

A token cannot be called back, so every process follows auth's events in memory. It reads the last hour at its start:
older tokens have ended. While the broker is away, a revoked token is valid until it ends, for at most five minutes.
"""

import logging
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec
from aiokafka import ConsumerRecord

from services.common.identity.principal import Principal
from services.common.runtime.trusted_issuers import LONGEST_FOREIGN

logger = logging.getLogger(__name__)

TOPIC: Final = "auth.v1"
OF_ALL_SESSIONS: Final = frozenset({"USER_DISABLED", "USER_DELETED", "USER_ROLES_CHANGED", "SESSIONS_REVOKED"})
KEPT_SECONDS: Final = LONGEST_FOREIGN + 60
"""A minute more than any token, for clocks that differ."""
TIDY_EVERY: Final = 1_000


class _Data(msgspec.Struct, rename="camel"):
    user_id: str
    session_id: str | None = None


class _Event(msgspec.Struct, rename="camel"):
    event_type: str
    timestamp: datetime
    data: msgspec.Raw


_EVENT: Final = msgspec.json.Decoder(_Event)
_DATA: Final = msgspec.json.Decoder(_Data)


class Revocations:
    """The times until which tokens of users and of sessions are revoked."""

    def __init__(self) -> None:
        self._users: dict[str, float] = {}
        self._sessions: dict[str, float] = {}
        self._applied = 0

    @staticmethod
    def since() -> float:
        """The time from which events matter, in seconds since 1970 UTC."""
        return time.time() - KEPT_SECONDS

    def apply(self, records: Sequence[ConsumerRecord]) -> None:
        """Apply events; what cannot be read is skipped, landing keeps it as a dead letter."""
        for record in records:
            try:
                event = _EVENT.decode(record.value or b"")
                if event.event_type in OF_ALL_SESSIONS:
                    self._revoke(_DATA.decode(event.data), event.timestamp.timestamp())
            except (msgspec.MsgspecError, ValueError) as error:
                logger.warning("an event of %s cannot be read: %s", TOPIC, type(error).__name__)

    def _revoke(self, data: _Data, at: float) -> None:
        revoked, name = (self._sessions, data.session_id) if data.session_id else (self._users, data.user_id)
        revoked[name] = max(at, revoked.get(name, 0.0))
        self._applied += 1
        if self._applied % TIDY_EVERY == 0:
            oldest = time.time() - KEPT_SECONDS
            self._users = {name: at for name, at in self._users.items() if at >= oldest}
            self._sessions = {name: at for name, at in self._sessions.items() if at >= oldest}

    def covers(self, principal: Principal) -> bool:
        """Whether a caller's token was issued before its user, its session, or who views as the user was closed."""
        if principal.kind != "user":
            return False  # a user's id may be what a service is called
        if principal.session_id is not None and principal.session_id in self._sessions:
            return True
        viewer = (principal.actor or "").removeprefix("user:")  # a scope; a service's stays one, which is no user's id
        return principal.issued_at <= max(self._users.get(each, 0.0) for each in (principal.subject, viewer))
