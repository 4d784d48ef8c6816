"""Who calls: a verified user, visitor or service."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["user", "visitor", "service"]


@dataclass(frozen=True, slots=True)
class Principal:
    """A verified caller.

    Attributes:
        kind: what it is.
        subject: a user's id, a visitor's (`anon:<uuid>`), or a service's name.
        roles: of a user.
        issued_at: when its token was issued, in seconds since 1970 UTC.
        expires_at: when its token ends.
        session_id: the session of a user who logged in.
        actor: the scope of who views as this user; None for the user.
    """

    kind: Kind
    subject: str
    roles: frozenset[str] = frozenset()
    issued_at: float = 0.0
    expires_at: float = 0.0
    session_id: str | None = None
    actor: str | None = None

    @property
    def is_service(self) -> bool:
        """Whether a service calls."""
        return self.kind == "service"

    @property
    def is_visitor(self) -> bool:
        """Whether somebody calls who has not logged in."""
        return self.kind == "visitor"

    @property
    def scope(self) -> str:
        """The caller's own key space: `user:u1`."""
        return f"{self.kind}:{self.subject}"
