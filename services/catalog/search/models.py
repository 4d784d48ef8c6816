"""The tables of the search."""

from datetime import datetime

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, Double, Identity, Index, Text, text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from services.catalog.models import Base


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
