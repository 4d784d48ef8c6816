"""The catalog's tables."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Computed,
    Double,
    ForeignKey,
    Identity,
    Index,
    Text,
    UniqueConstraint,
    false,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
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
    __table_args__ = (Index("ix_categories_path", text('code COLLATE "C"')),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(unique=True)
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


class Reservation(Base):
    """Pieces that an order has taken out of the stock, with the prices it was told; the id is the order service's."""

    __tablename__ = "reservations"
    __table_args__ = (Index("ix_reservations_held", "expires_at", postgresql_where=text("status = 'HELD'")),)

    id: Mapped[str] = mapped_column(primary_key=True)
    status: Mapped[str]
    lines: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    expires_at: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class Restock(Base):
    """A return whose pieces are in the stock again."""

    __tablename__ = "restocks"

    id: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class StoredImage(Base):
    """An image whose files are in the object store, or about to be; `stored_at` is when it was last uploaded."""

    __tablename__ = "stored_images"

    id: Mapped[str] = mapped_column(primary_key=True)
    stored_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)


class SearchDocument(Base):
    """What a product that is sold is found, filtered and ordered by; `digest` tells whether its texts have changed."""

    __tablename__ = "search_documents"
    __table_args__ = (
        Index(None, "terms", postgresql_using="gin"),
        Index(None, "mentioned", postgresql_using="gin"),
        Index(None, "category_ids", postgresql_using="gin"),
        Index("ix_search_documents_variants", "group_id", postgresql_where=text("group_id <> product_id")),
        {"postgresql_with": {"fillfactor": "80"}},
    )

    product_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    group_id: Mapped[int]
    leaf: Mapped[int]
    category_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    price: Mapped[float] = mapped_column(Double)
    offer_price: Mapped[float | None] = mapped_column(Double)
    offer_starts_at: Mapped[datetime | None]
    offer_ends_at: Mapped[datetime | None]
    rating: Mapped[float] = mapped_column(Double)
    rating_count: Mapped[int]
    in_stock: Mapped[bool]
    created_at: Mapped[datetime]
    digest: Mapped[int]
    brand: Mapped[str | None]
    attribute_values: Mapped[list[str]] = mapped_column(ARRAY(Text))
    terms: Mapped[str] = mapped_column(TSVECTOR)
    mentioned: Mapped[str | None] = mapped_column(TSVECTOR)


class SearchWord(Base):
    """A word of the index; `heads` products are this kind of thing, `count` have it at all, as of the last count."""

    __tablename__ = "search_words"

    key: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[int] = mapped_column(Identity(always=True), unique=True)
    reading: Mapped[str]
    surface: Mapped[str]
    heads: Mapped[int]
    count: Mapped[int]


class SearchState(Base):
    """When words were counted last, in how many documents."""

    __tablename__ = "search_state"
    __table_args__ = (CheckConstraint("is_one", name="is_one"),)

    is_one: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    documents: Mapped[int] = mapped_column(server_default=text("0"))
    counted_at: Mapped[datetime | None]


class SearchChange(Base):
    """A product that has changed since the index has seen it; triggers write it in the change's own transaction."""

    __tablename__ = "search_changes"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    product_id: Mapped[int]


class Purchase(Base):
    """That a user has bought a product, by an order that was not cancelled: who may review it."""

    __tablename__ = "purchases"

    user_id: Mapped[str] = mapped_column(primary_key=True)
    product_id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(primary_key=True)


class Review(Base):
    """What a buyer thinks of a product; `moderations` says who hid it or showed it again, when, and why."""

    __tablename__ = "reviews"
    __table_args__ = (
        UniqueConstraint("product_id", "user_id"),
        CheckConstraint("rating BETWEEN 1 AND 5", name="rating_within_scale"),
        Index("ix_reviews_visible", "product_id", "submitted_at", "id", postgresql_where=text("NOT is_hidden")),
        Index("ix_reviews_hidden", "id", postgresql_where=text("is_hidden")),
        Index(
            "ix_reviews_moderations",
            "moderations",
            postgresql_using="gin",
            postgresql_ops={"moderations": "jsonb_path_ops"},
        ),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id", ondelete="CASCADE"))
    user_id: Mapped[str] = mapped_column(index=True)
    rating: Mapped[int]
    text: Mapped[str | None]
    is_hidden: Mapped[bool] = mapped_column(server_default=false())
    moderations: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]")
    version: Mapped[int]
    submitted_at: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class EarlyReview(Base):
    """A review from the log that arrived before its purchase: the two come by different topics."""

    __tablename__ = "early_reviews"

    user_id: Mapped[str] = mapped_column(primary_key=True)
    product_id: Mapped[int] = mapped_column(primary_key=True)
    rating: Mapped[int]
    text: Mapped[str | None]
    submitted_at: Mapped[datetime]
    received_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)


class Inbox(InboxTable, Base):
    """The events that each consumer has handled."""


class ErasedUser(ErasedTable, Base):
    """The users who were deleted."""


class Outbox(OutboxTable, Base):
    """The events that this service publishes."""


class Idempotency(IdempotencyTable, Base):
    """The answers to requests with an `Idempotency-Key`."""
