"""The payment service's tables."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.common.messaging.erasure import ErasedTable
from services.common.messaging.inbox import InboxTable
from services.common.messaging.outbox import OutboxTable
from services.common.storage.database import ServiceBase


class Base(ServiceBase):
    """Base of the payment service's tables."""


class Payment(Base):
    """A payment; its id is the order service's, so that it is made once.

    `stage` is what the provider has done, `goal` what we want of it, and `unsettled_step` the step whose outcome is not
    known. `next_check_at` is when the reconciler looks at it; null where nothing is left to do.
    """

    __tablename__ = "payments"
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount_above_zero"),
        CheckConstraint("captured_amount BETWEEN 0 AND amount", name="captured_within_amount"),
        CheckConstraint("refunded_amount BETWEEN 0 AND captured_amount", name="refunded_within_captured"),
        Index("ix_payments_due", "next_check_at", postgresql_where=text("next_check_at IS NOT NULL")),
        Index(None, "user_id", "created_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[int]
    user_id: Mapped[str]
    amount: Mapped[Decimal]
    currency: Mapped[str] = mapped_column(server_default="JPY")
    payment_method: Mapped[str]
    status: Mapped[str]
    provider: Mapped[str]
    stage: Mapped[str]
    goal: Mapped[str]
    unsettled_step: Mapped[str | None]
    next_check_at: Mapped[datetime | None]
    checks: Mapped[int] = mapped_column(server_default=text("0"))
    captured_amount: Mapped[Decimal] = mapped_column(server_default=text("0"))
    refunded_amount: Mapped[Decimal] = mapped_column(server_default=text("0"))
    external_payment_id: Mapped[str | None] = mapped_column(unique=True)
    payment_intent_id: Mapped[str | None]
    payment_details: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    action_url: Mapped[str | None]
    failure_reason: Mapped[str | None]
    processed_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class Refund(Base):
    """Money that goes back; its id is the caller's, so that it is made once."""

    __tablename__ = "refunds"
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount_above_zero"),
        Index("ix_refunds_due", "next_check_at", postgresql_where=text("next_check_at IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payments.id"), index=True)
    amount: Mapped[Decimal]
    reason: Mapped[str]
    status: Mapped[str]
    external_refund_id: Mapped[str | None] = mapped_column(unique=True)
    failure_reason: Mapped[str | None]
    next_check_at: Mapped[datetime | None]
    checks: Mapped[int] = mapped_column(server_default=text("0"))
    processed_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class GivenUp(Base):
    """A payment that was cancelled before it was made: it cannot be made any more."""

    __tablename__ = "given_up"

    id: Mapped[UUID] = mapped_column(primary_key=True)


class Webhook(Base):
    """A provider's event that was received."""

    __tablename__ = "webhooks"

    provider: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(primary_key=True)
    received_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)


class LocalCharge(Base):
    """The local provider's own book: how often it was asked to confirm, and what it gave back by idempotency key."""

    __tablename__ = "local_charges"

    id: Mapped[str] = mapped_column(primary_key=True)
    amount: Mapped[Decimal]
    method: Mapped[str]
    stage: Mapped[str]
    confirms: Mapped[int] = mapped_column(server_default=text("0"))
    refunded: Mapped[Decimal] = mapped_column(server_default=text("0"))
    refunds: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))


class ErasedUser(ErasedTable, Base):
    """The users who were deleted."""


class Outbox(OutboxTable, Base):
    """The events that this service publishes."""


class Inbox(InboxTable, Base):
    """The events that this service has handled."""
