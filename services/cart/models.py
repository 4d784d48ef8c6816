"""The cart service's tables."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, Identity, Index, UniqueConstraint, false, func, text
from sqlalchemy.orm import Mapped, mapped_column

from services.common.messaging.erasure import ErasedTable
from services.common.messaging.inbox import InboxTable
from services.common.messaging.outbox import OutboxTable
from services.common.storage.database import ServiceBase
from services.common.web.idempotency import IdempotencyTable

OF_VISITORS = "starts_with(cart_items.user_id, 'anon:')"
"""Whose carts are not kept for ever: found by an index, for users' old carts are many."""


class Base(ServiceBase):
    """Base of the cart's tables."""


class CartItem(Base):
    """A product in somebody's cart: `user_id` is a user's or a visitor's.

    What catalog says of the product is a copy that follows its events; `added_price` stays as it was. A removed item
    keeps its row with `removed_at` until the cart is bought, so that putting it back is seen for what it is.
    """

    __tablename__ = "cart_items"
    __table_args__ = (
        UniqueConstraint("user_id", "product_id"),
        CheckConstraint("quantity > 0", name="quantity_above_zero"),
        Index("ix_cart_items_of_visitors", "changed_at", postgresql_where=text(OF_VISITORS)),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    user_id: Mapped[str]
    product_id: Mapped[int] = mapped_column(index=True)
    quantity: Mapped[int]
    added_at: Mapped[datetime] = mapped_column(server_default=func.now())
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    removed_at: Mapped[datetime | None]
    added_price: Mapped[Decimal]
    currency: Mapped[str]
    sku: Mapped[str]
    product_name: Mapped[str]
    product_price: Mapped[Decimal]
    product_image: Mapped[str | None]
    stock: Mapped[int]
    is_active: Mapped[bool]
    is_deleted: Mapped[bool] = mapped_column(server_default=false())
    special_price: Mapped[Decimal | None]
    special_currency: Mapped[str | None]
    special_starts_at: Mapped[datetime | None]
    special_ends_at: Mapped[datetime | None]
    product_version: Mapped[int] = mapped_column(server_default=text("0"))
    stock_version: Mapped[int] = mapped_column(server_default=text("0"))
    offer_version: Mapped[int] = mapped_column(server_default=text("0"))


class Checkout(Base):
    """An order whose products have left the cart."""

    __tablename__ = "checkouts"

    order_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class ErasedUser(ErasedTable, Base):
    """The users who were deleted."""


class Outbox(OutboxTable, Base):
    """The events that this service publishes."""


class Inbox(InboxTable, Base):
    """The events that this service has handled."""


class Idempotency(IdempotencyTable, Base):
    """The answers to requests with an `Idempotency-Key`."""
