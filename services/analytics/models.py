"""The plan's UserActionLog and ViewHistory, and the shop's own ids; only the consumers fill them."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Identity, Index, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, MappedSQLExpression, column_property, mapped_column

from services.common.messaging.erasure import ErasedTable
from services.common.messaging.inbox import InboxTable
from services.common.messaging.outbox import OutboxTable
from services.common.storage.database import ServiceBase


class Base(ServiceBase):
    """Base of the tables of this service."""


class Product(Base):
    """A product's id in the shop's own systems."""

    __tablename__ = "products"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sku: Mapped[str] = mapped_column(index=True)
    is_deleted: Mapped[bool]
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))


class Category(Base):
    """A category's id in the shop's own systems."""

    __tablename__ = "categories"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    code: Mapped[str] = mapped_column(index=True)
    is_deleted: Mapped[bool]


def _sku_of(product_id: Any) -> MappedSQLExpression[str | None]:  # noqa: ANN401 - a column
    return column_property(select(Product.sku).where(Product.id == product_id).scalar_subquery())


def _code_of(category_id: Any) -> MappedSQLExpression[str | None]:  # noqa: ANN401 - a column
    return column_property(select(Category.code).where(Category.id == category_id).scalar_subquery())


_PEOPLE: Final[dict[str, Any]] = {"postgresql_where": text("NOT is_bot AND NOT simulated")}
"""Reports read these rows alone, and nothing but the index where it includes what they count."""


class Recorded:
    """The common columns on a row's origin."""

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    event_id: Mapped[UUID] = mapped_column(unique=True)
    user_id: Mapped[str]
    session_id: Mapped[str | None]
    is_bot: Mapped[bool]
    simulated: Mapped[bool]
    request_id: Mapped[str | None]
    page_url: Mapped[str | None]
    referrer: Mapped[str | None]
    utm_source: Mapped[str | None]
    utm_medium: Mapped[str | None]
    utm_campaign: Mapped[str | None]
    utm_term: Mapped[str | None]
    utm_content: Mapped[str | None]


class ViewHistory(Recorded, Base):
    """One viewed product page, with the product at that time."""

    __tablename__ = "view_history"
    __table_args__ = (
        Index("ix_view_history_user_id_viewed_at_id", "user_id", "viewed_at", "id"),
        Index("ix_view_history_viewed_at_people", "viewed_at", postgresql_include=["product_id", "user_id"], **_PEOPLE),
        Index(
            "ix_view_history_product_id_viewed_at",
            *("product_id", "viewed_at"),
            postgresql_include=["user_id"],
            **_PEOPLE,
        ),
    )

    product_id: Mapped[int] = mapped_column()
    viewed_at: Mapped[datetime]
    product_name: Mapped[str | None]
    currency: Mapped[str | None]
    product_price: Mapped[Decimal | None]
    category_id: Mapped[int | None] = mapped_column()
    category_name: Mapped[str | None]
    sku: Mapped[str | None] = _sku_of(product_id)
    category_code: Mapped[str | None] = _code_of(category_id)


class UserActionLog(Recorded, Base):
    """One action of the plan's eighteen types, with its subject at that time."""

    __tablename__ = "user_action_log"
    __table_args__ = (
        Index("ix_user_action_log_user_id_created_at_id", "user_id", "created_at", "id"),
        Index(
            "ix_user_action_log_action_type_created_at_people",
            *("action_type", "created_at"),
            postgresql_include=["product_id", "user_id"],
            **_PEOPLE,
        ),
        Index(
            "ix_user_action_log_product_id_created_at",
            *("product_id", "created_at"),
            postgresql_include=["action_type", "user_id"],
            **_PEOPLE,
        ),
    )

    action_type: Mapped[str]
    product_id: Mapped[int | None] = mapped_column()
    product_name: Mapped[str | None]
    currency: Mapped[str | None]
    product_price: Mapped[Decimal | None]
    category_id: Mapped[int | None] = mapped_column()
    category_name: Mapped[str | None]
    cart_item_id: Mapped[int | None]
    order_id: Mapped[int | None]
    return_id: Mapped[int | None]
    quantity: Mapped[int | None]
    search_keyword: Mapped[str | None]
    search_category_id: Mapped[int | None] = mapped_column()
    search_category_name: Mapped[str | None]
    result_count: Mapped[int | None]
    review_text: Mapped[str | None]
    rating: Mapped[float | None]
    action_reason: Mapped[str | None]
    error_details: Mapped[str | None]
    details: Mapped[dict[str, Any] | None] = mapped_column("metadata", JSONB)  # SQLAlchemy keeps the name for itself
    created_at: Mapped[datetime]
    sku: Mapped[str | None] = _sku_of(product_id)
    category_code: Mapped[str | None] = _code_of(category_id)
    search_category_code: Mapped[str | None] = _code_of(search_category_id)


class Login(Base):
    """A visitor logged in as a user."""

    __tablename__ = "logins"

    visitor_id: Mapped[str] = mapped_column(primary_key=True)
    logged_in_at: Mapped[datetime] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(primary_key=True, index=True)


class ErasedUser(ErasedTable, Base):
    """The users who were deleted."""


class Outbox(OutboxTable, Base):
    """The events that this service publishes."""


class Inbox(InboxTable, Base):
    """The events that this service has handled."""
