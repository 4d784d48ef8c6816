"""The order service's tables."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, declared_attr, mapped_column, relationship

from services.common.messaging.erasure import ErasedTable
from services.common.messaging.inbox import InboxTable
from services.common.messaging.outbox import OutboxTable
from services.common.storage.database import ServiceBase
from services.common.web.idempotency import IdempotencyTable
from services.contracts.shop_ids import FIRST_OWN_ORDER_ID


class Base(ServiceBase):
    """Base of the order service's tables."""


class Saga:
    """What is still to be done: `step` from `due_at` on, by whoever has the lease; nothing, where `step` is null."""

    step: Mapped[str | None]
    due_at: Mapped[datetime] = mapped_column(server_default=func.now())
    leased_until: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(server_default=text("0"))

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[Any, ...]:
        name = cls.__tablename__  # type: ignore[attr-defined]
        own = getattr(cls, "own_args", ())
        return (*own, Index(f"ix_{name}_due", "due_at", postgresql_where=text("step IS NOT NULL")))


class Order(Saga, Base):
    """An order. `attempt` is the request that placed it; `pay_by` is when it is given up without payment."""

    __tablename__ = "orders"
    own_args = (
        UniqueConstraint("attempt"),
        CheckConstraint("total_amount > 0", name="total_above_zero"),
        Index(None, "user_id", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(start=FIRST_OWN_ORDER_ID), primary_key=True)
    attempt: Mapped[str]
    user_id: Mapped[str]
    currency: Mapped[str] = mapped_column(server_default="JPY")
    total_amount: Mapped[Decimal]
    status: Mapped[str]
    shipping_address: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    payment_method: Mapped[str]
    payment_id: Mapped[UUID]
    payment_token: Mapped[str | None]
    return_url: Mapped[str | None]
    action_url: Mapped[str | None]
    cancel_reason: Mapped[str | None]
    pay_by: Mapped[datetime]
    ordered_at: Mapped[datetime] = mapped_column(server_default=func.now())
    confirmed_at: Mapped[datetime | None]
    shipped_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]

    items: Mapped[list["OrderItem"]] = relationship(order_by="OrderItem.id", lazy="selectin", back_populates="order")


class OrderItem(Base):
    """One product of an order, as it was when it was ordered."""

    __tablename__ = "order_items"
    __table_args__ = (UniqueConstraint("order_id", "product_id"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    product_id: Mapped[int]
    quantity: Mapped[int]
    price: Mapped[Decimal]
    amount: Mapped[Decimal]
    product_name: Mapped[str | None]

    order: Mapped[Order] = relationship(back_populates="items")

    @property
    def currency(self) -> str:
        """That of its order."""
        return self.order.currency


class Return(Saga, Base):
    """What a shopper wants to send back; `attempt` is the request that asked for it."""

    __tablename__ = "returns"
    own_args = (UniqueConstraint("attempt"), Index(None, "order_id"), Index(None, "user_id", "id"))

    id: Mapped[int] = mapped_column(Identity(start=FIRST_OWN_ORDER_ID), primary_key=True)
    attempt: Mapped[str]
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    user_id: Mapped[str]
    returned_at: Mapped[datetime] = mapped_column(server_default=func.now())
    status: Mapped[str]
    reason: Mapped[str]
    decision_reason: Mapped[str | None]
    refund_amount: Mapped[Decimal | None]
    completed_at: Mapped[datetime | None]

    items: Mapped[list["ReturnItem"]] = relationship(order_by="ReturnItem.id", lazy="selectin")
    order: Mapped[Order] = relationship(lazy="selectin")

    @property
    def currency(self) -> str:
        """That of its order."""
        return self.order.currency


class ReturnItem(Base):
    """How much of one product comes back."""

    __tablename__ = "return_items"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    return_id: Mapped[int] = mapped_column(ForeignKey("returns.id"), index=True)
    product_id: Mapped[int]
    quantity: Mapped[int]


class ErasedUser(ErasedTable, Base):
    """The users who were deleted."""


class Outbox(OutboxTable, Base):
    """The events that this service publishes."""


class Inbox(InboxTable, Base):
    """The events that this service has handled."""


class Idempotency(IdempotencyTable, Base):
    """The answers to requests with an `Idempotency-Key`."""
