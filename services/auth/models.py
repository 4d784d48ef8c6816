"""The auth service's tables."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Identity, func, text
from sqlalchemy.orm import Mapped, mapped_column

from services.common.messaging.outbox import OutboxTable
from services.common.storage.database import ServiceBase


class UserStatus(StrEnum):
    """Whether a user may log in; DELETED is final, and such a row has no personal data."""

    ACTIVE = "ACTIVE"
    DISABLED = "DISABLED"
    DELETED = "DELETED"


class Base(ServiceBase):
    """Base of the auth service's tables."""


class AuthUser(Base):
    """A user; `email_key` is the address without the case of its letters, by which it is unique.

    `version` grows with each change that others are told of. A row is never removed, so that an id names one person.
    """

    __tablename__ = "auth_users"
    __table_args__ = (CheckConstraint("status IN ('ACTIVE', 'DISABLED', 'DELETED')", name="status"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    email: Mapped[str | None] = mapped_column(unique=True)
    email_key: Mapped[str | None] = mapped_column(unique=True)
    cognito_id: Mapped[str | None] = mapped_column(unique=True)
    email_verified: Mapped[bool] = mapped_column(server_default=text("false"))
    last_login_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())
    status: Mapped[str] = mapped_column(server_default=UserStatus.ACTIVE)
    version: Mapped[int] = mapped_column(server_default=text("1"))


class Role(Base):
    """What its users may do; the migration makes all five."""

    __tablename__ = "roles"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class UserRole(Base):
    """The roles of a user."""

    __tablename__ = "user_roles"

    user_id: Mapped[str] = mapped_column(ForeignKey("auth_users.id", ondelete="CASCADE"), primary_key=True)
    role_id: Mapped[int] = mapped_column(ForeignKey("roles.id", ondelete="CASCADE"), primary_key=True)
    assigned_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Credential(Base):
    """The argon2id hash of a user's password, at the local provider.

    It may be written before its user: the reference is checked at commit.
    """

    __tablename__ = "credentials"

    user_id: Mapped[str] = mapped_column(
        ForeignKey("auth_users.id", ondelete="CASCADE", deferrable=True, initially="DEFERRED"), primary_key=True
    )
    password_hash: Mapped[str]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class LoginSession(Base):
    """A login, and the family of its refresh tokens: what all begin with, the current one and the one before, hashed.

    `salt` makes the current token of the one before it (see `sessions.py`). `provider_token` is the identity provider's
    refresh token, encrypted under the current one of ours.
    """

    __tablename__ = "sessions"

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("auth_users.id", ondelete="CASCADE"), index=True)
    family_hash: Mapped[bytes] = mapped_column(unique=True)
    token_hash: Mapped[bytes]
    previous_hash: Mapped[bytes | None]
    salt: Mapped[bytes | None]
    provider_token: Mapped[bytes | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_used_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(index=True)
    revoked_at: Mapped[datetime | None]


class Code(Base):
    """A code that was sent to an address, as its SHA-256 hash; whoever uses it removes it.

    That of a registration carries the password's hash: an address is confirmed for the password it was asked with.
    """

    __tablename__ = "codes"

    hash: Mapped[bytes] = mapped_column(primary_key=True)
    purpose: Mapped[str]
    email: Mapped[str] = mapped_column(index=True)
    user_id: Mapped[str | None] = mapped_column(ForeignKey("auth_users.id", ondelete="CASCADE"), index=True)
    password_hash: Mapped[str | None]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class Task(Base):
    """What is done outside the database once the transaction that asks for it has been committed: mails, Cognito.

    `subject` is the user's id, or the account's at the provider.
    """

    __tablename__ = "tasks"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    kind: Mapped[str]
    email: Mapped[str | None] = mapped_column(index=True)
    subject: Mapped[str | None] = mapped_column(index=True)
    password_hash: Mapped[str | None]
    tries: Mapped[int] = mapped_column(server_default=text("0"))
    due_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)


class ViewAs(Base):
    """An audit record: who was given a token to view as which user."""

    __tablename__ = "view_as"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    actor: Mapped[str]
    user_id: Mapped[str] = mapped_column(ForeignKey("auth_users.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]


class Outbox(OutboxTable, Base):
    """The events that this service publishes."""
