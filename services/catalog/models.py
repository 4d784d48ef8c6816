"""The catalog's tables; those of images, reservations, reviews and search stand in their folders."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ARRAY, CheckConstraint, Computed, ForeignKey, Identity, Index, Text, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from services.catalog.domain import parent_code
from services.common.messaging.erasure import ErasedTable
from services.common.messaging.inbox import InboxTable
from services.common.messaging.outbox import OutboxTable
from services.common.storage.database import ServiceBase
from services.common.web.idempotency import IdempotencyTable


class Base(ServiceBase):
    """Base of the catalog's tables."""


class Product(Base):
    """A product; `sku` is its id in the shop's own systems, and each version increases with each change of its part.

    One with `parent_id` is a variant; its parent is not sold.
    """

    __tablename__ = "products"
    __table_args__ = (
        CheckConstraint("price >= 0", name="price_not_negative"),
        CheckConstraint("stock >= 0", name="stock_not_negative"),
        CheckConstraint("rating BETWEEN 0 AND 5", name="rating_within_scale"),
        Index("ix_products_images", "images", postgresql_using="gin", postgresql_where=text("images <> '{}'")),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    sku: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    description: Mapped[str | None]
    brand: Mapped[str | None]
    price: Mapped[Decimal]
    currency: Mapped[str]
    rating: Mapped[float]
    rating_count: Mapped[int] = mapped_column(server_default=text("0"))
    images: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    image: Mapped[str | None] = mapped_column(Computed("images[1]", persisted=True))
    keywords: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    attributes: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("products.id"), index=True)
    stock: Mapped[int]
    is_active: Mapped[bool]
    product_version: Mapped[int] = mapped_column(server_default=text("0"))
    stock_version: Mapped[int] = mapped_column(server_default=text("0"))
    offer_version: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Category(Base):
    """A node of the category tree; `code` is its path from the root, `level` counts from 1."""

    __tablename__ = "categories"
    __table_args__ = (
        UniqueConstraint("name", deferrable=True),  # asked after a statement, not after a row: names may go round
        Index("ix_categories_path", text('code COLLATE "C"')),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("categories.id"), index=True)
    level: Mapped[int]
    version: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())

    @property
    def parent_code(self) -> str | None:
        """The code one level up."""
        return parent_code(self.code)


class ProductCategory(Base):
    """The categories of a product."""

    __tablename__ = "product_categories"
    __table_args__ = (Index(None, "category_id", "product_id"),)

    product_id: Mapped[int] = mapped_column(ForeignKey("products.id", ondelete="CASCADE"), primary_key=True)
    category_id: Mapped[int] = mapped_column(ForeignKey("categories.id", ondelete="CASCADE"), primary_key=True)
    assigned_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Attribute(Base):
    """A property that products may have; with a category only those in it or below it."""

    __tablename__ = "attributes"
    __table_args__ = (CheckConstraint("type IN ('text', 'number', 'boolean', 'choice')", name="type_is_known"),)

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    type: Mapped[str]
    unit: Mapped[str | None]
    choices: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    is_multiple: Mapped[bool]
    category_id: Mapped[int | None] = mapped_column(ForeignKey("categories.id"), index=True)
    is_facet: Mapped[bool]
    version: Mapped[int] = mapped_column(server_default=text("0"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class SpecialPrice(Base):
    """The one offer a product may have, from `start_date` until before `end_date`."""

    __tablename__ = "special_prices"
    __table_args__ = (
        CheckConstraint("price >= 0", name="price_not_negative"),
        CheckConstraint("end_date > start_date", name="ends_after_it_starts"),
    )

    product_id: Mapped[int] = mapped_column(ForeignKey("products.id", ondelete="CASCADE"), primary_key=True)
    price: Mapped[Decimal]
    start_date: Mapped[datetime]
    end_date: Mapped[datetime | None]


class PriceChange(Base):
    """What a product cost from `changed_at` on: its price, and its offer with its dates, if it had one."""

    __tablename__ = "price_changes"
    __table_args__ = (Index(None, "product_id", "changed_at", "id"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id", ondelete="CASCADE"))
    changed_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    price: Mapped[Decimal]
    currency: Mapped[str]
    special_price: Mapped[Decimal | None]
    start_date: Mapped[datetime | None]
    end_date: Mapped[datetime | None]


class Inbox(InboxTable, Base):
    """The events that each consumer has handled."""


class ErasedUser(ErasedTable, Base):
    """The users who were deleted."""


class Outbox(OutboxTable, Base):
    """The events that this service publishes."""


class Idempotency(IdempotencyTable, Base):
    """The answers to requests with an `Idempotency-Key`."""
