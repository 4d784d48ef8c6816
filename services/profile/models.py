"""The profile service's tables."""

from datetime import datetime
from typing import Any

from sqlalchemy import UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.common.messaging.inbox import InboxTable
from services.common.messaging.outbox import OutboxTable
from services.common.storage.database import ServiceBase
from services.common.web.idempotency import IdempotencyTable

_JSON = JSONB(none_as_null=True)


class Base(ServiceBase):
    """Base of the profile service's tables."""


class User(Base):
    """A user, of the same id as in auth.

    `email` is the copy of auth's; it is null for a user without an address, and while another user still has it here
    (then it is `awaited_email`). Users may exchange addresses in one statement, so the constraint is checked at its
    end.
    """

    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("email", deferrable=True),)
    __mapper_args__ = {"eager_defaults": True}  # noqa: RUF012 - SQLAlchemy's; `updated_at` is read back

    id: Mapped[str] = mapped_column(primary_key=True)
    email: Mapped[str | None]
    awaited_email: Mapped[str | None] = mapped_column(index=True)
    account_version: Mapped[int] = mapped_column(server_default=text("0"))
    display_name: Mapped[str | None]
    first_name: Mapped[str | None]
    last_name: Mapped[str | None]
    phone_number: Mapped[str | None]
    address: Mapped[dict[str, Any] | None] = mapped_column(_JSON)
    preferences: Mapped[dict[str, Any] | None] = mapped_column(_JSON)
    avatar: Mapped[str | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class DeletedUser(Base):
    """The id of a deleted user, so that no late event makes the user again."""

    __tablename__ = "deleted_users"

    id: Mapped[str] = mapped_column(primary_key=True)
    deleted_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Erasure(Base):
    """The report of a service that it has erased a user's data."""

    __tablename__ = "erasures"

    user_id: Mapped[str] = mapped_column(primary_key=True)
    service: Mapped[str] = mapped_column(primary_key=True)
    erased_at: Mapped[datetime]


class Outbox(OutboxTable, Base):
    """The events that this service publishes."""


class Inbox(InboxTable, Base):
    """The events that this service has handled."""


class Idempotency(IdempotencyTable, Base):
    """The answers to requests with an `Idempotency-Key`."""
