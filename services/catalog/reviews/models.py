"""The tables of reviews, and of who may write them."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint, false, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.catalog.models import Base


class Purchase(Base):
    """That a user has bought a product, by an order that was not cancelled: who may review it."""

    __tablename__ = "purchases"

    user_id: Mapped[str] = mapped_column(primary_key=True)
    product_id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(primary_key=True)


class CancelledOrder(Base):
    """An order that was cancelled, whose purchases count no more, also if they are told later."""

    __tablename__ = "cancelled_orders"

    user_id: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


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
