"""The content service's tables."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, Sequence, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.common.messaging.erasure import ErasedTable
from services.common.messaging.inbox import InboxTable
from services.common.messaging.outbox import OutboxTable
from services.common.storage.database import ServiceBase
from services.common.web.idempotency import IdempotencyTable


class Base(ServiceBase):
    """Base of the content service's tables."""


class Edited:
    """What merchandisers edit: its version grows with each change, and a change may be based on one (`If-Match`)."""

    __mapper_args__ = {"eager_defaults": True}  # noqa: RUF012 - SQLAlchemy's; what the database fills in is answered

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class Scheduled(Edited):
    """What merchandisers show from a start until before an end, both of them null for always."""

    start_date: Mapped[datetime] = mapped_column(server_default=func.now())
    end_date: Mapped[datetime | None]
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))


class Campaign(Scheduled, Base):
    """A name for banners and displays that show within its dates, and while it is active."""

    __tablename__ = "campaigns"
    __table_args__ = (CheckConstraint("end_date > start_date", name="ends_after_it_starts"),)

    name: Mapped[str]


class Banner(Scheduled, Base):
    """A picture with texts by language (`{"en": {"title": …}}`) and a link, at a place of the shop's pages."""

    __tablename__ = "banners"
    __table_args__ = (CheckConstraint("end_date > start_date", name="ends_after_it_starts"),)

    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaigns.id"), index=True)
    placement: Mapped[str]
    texts: Mapped[dict[str, Any]]
    image: Mapped[str | None]
    link: Mapped[str | None]
    priority: Mapped[int] = mapped_column(server_default=text("0"))


_NAMES = "{} ->> 'userId' IS NOT NULL"


class Experiment(Scheduled, Base):
    """Users are divided between its arms, `[{"name": …, "weight": …}]`, by its name."""

    __tablename__ = "experiments"
    __table_args__ = (CheckConstraint("end_date > start_date", name="ends_after_it_starts"),)

    name: Mapped[str] = mapped_column(unique=True)
    arms: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)


class AuditEntry(Base):
    """Who changed what: the fields that differ, as they were and as they are."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        CheckConstraint("(user_id IS NULL) <> (service IS NULL)", name="by_somebody"),
        Index(None, "user_id", "id"),
        Index(None, "kind", "subject", "id"),
        Index("ix_audit_entries_before", text("(before ->> 'userId')"), postgresql_where=text(_NAMES.format("before"))),
        Index("ix_audit_entries_after", text("(after ->> 'userId')"), postgresql_where=text(_NAMES.format("after"))),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    user_id: Mapped[str | None]
    service: Mapped[str | None]
    kind: Mapped[str]
    subject: Mapped[str]
    change: Mapped[str]
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]


class TopPageDisplay(Base):
    """One product in its place on a shelf, or a merchandiser's row for a product.

    Partitioned by generation: each has its own table, so that dropping one is cheap. Rows without a generation
    are the merchandisers' (`source` = manual), with a `mode`: `pin` or `hide`. Rows without a user are
    for everyone. A manual row shows its product's data from the copies of the catalogue below, within the dates of its
    campaign if it has one, and only at its `promised_price` if it has one. The `rank` orders those of one `priority`.
    """

    __tablename__ = "top_page_displays"
    __table_args__ = (
        CheckConstraint("(source = 'manual') = (generation IS NULL)", name="source"),
        CheckConstraint("mode IN ('pin', 'hide')", name="mode"),
        CheckConstraint("(mode IS NOT NULL) = (generation IS NULL)", name="mode_is_manual"),
        CheckConstraint("generation IS NOT NULL OR end_date > start_date", name="manual_ends_after_it_starts"),
        {"postgresql_partition_by": "LIST (generation)"},
    )
    __mapper_args__ = {"primary_key": ["id"]}  # noqa: RUF012 - SQLAlchemy's; only the partition of manual rows has a key

    _ids = Sequence("top_page_displays_id_seq", metadata=Base.metadata)
    id: Mapped[int] = mapped_column(_ids, server_default=_ids.next_value())
    generation: Mapped[str | None]
    user_id: Mapped[str | None]
    display_type: Mapped[str]
    rank: Mapped[int] = mapped_column(server_default=text("0"))
    product_id: Mapped[int | None]
    product_name: Mapped[str | None]
    product_price: Mapped[Decimal | None]
    currency: Mapped[str | None]
    rating: Mapped[float | None]
    image: Mapped[str | None]
    category_id: Mapped[int | None]
    category_name: Mapped[str | None]
    priority: Mapped[int] = mapped_column(server_default=text("0"))
    special_price: Mapped[Decimal | None]
    start_date: Mapped[datetime] = mapped_column(server_default=func.now())
    end_date: Mapped[datetime | None]
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    score: Mapped[float | None]
    reason: Mapped[str | None]
    source: Mapped[str] = mapped_column(server_default="model")
    mode: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())
    campaign_id: Mapped[int | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    promised_price: Mapped[Decimal | None]


class Generation(Base):
    """One complete set of shelves, written by one pipeline run; `row_count` is known once all of it is loaded."""

    __tablename__ = "generations"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    generation: Mapped[str] = mapped_column(unique=True)
    bundle: Mapped[str]
    row_count: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    loaded_at: Mapped[datetime | None]
    dropped_at: Mapped[datetime | None]


class Activation(Base):
    """An activation of a generation; the newest one that was not rolled back is active."""

    __tablename__ = "activations"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    generation_id: Mapped[int] = mapped_column(ForeignKey("generations.id"))
    activated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    rolled_back_at: Mapped[datetime | None]


class ActiveGeneration(Base):
    """The one row that names the active generation, with the versions of what is shown.

    Every change of what is shown locks it, so changes are serialised. `version` is that of rows, generations and names
    of categories, `catalog_version` that of products: a page is cached with both.
    """

    __tablename__ = "active_generation"
    __table_args__ = (CheckConstraint("is_only", name="one_row"),)

    is_only: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    generation: Mapped[str | None] = mapped_column(ForeignKey("generations.generation"))
    version: Mapped[int] = mapped_column(server_default=text("1"))
    catalog_version: Mapped[int] = mapped_column(server_default=text("0"))


class Product(Base):
    """The copy of catalog's product from its events; unknown fields are null.

    `catalog_version` is that of its last visible change. A deleted one stays, inactive, so that no row and no late
    event shows it again.
    """

    __tablename__ = "products"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sku: Mapped[str | None] = mapped_column(index=True)
    parent_id: Mapped[int | None] = mapped_column(index=True)
    name: Mapped[str | None]
    price: Mapped[Decimal | None]
    currency: Mapped[str | None]
    rating: Mapped[float | None]
    image: Mapped[str | None]
    category_id: Mapped[int | None]
    stock: Mapped[int | None]
    is_active: Mapped[bool | None]
    special_price: Mapped[Decimal | None]
    special_currency: Mapped[str | None]
    special_starts_at: Mapped[datetime | None]
    special_ends_at: Mapped[datetime | None]
    product_version: Mapped[int] = mapped_column(server_default=text("0"))
    stock_version: Mapped[int] = mapped_column(server_default=text("0"))
    offer_version: Mapped[int] = mapped_column(server_default=text("0"))
    is_deleted: Mapped[bool] = mapped_column(server_default=text("false"))
    catalog_version: Mapped[int] = mapped_column(server_default=text("0"))


class Category(Base):
    """The copy of catalog's category from its events; a deleted one stays, without its name."""

    __tablename__ = "categories"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    code: Mapped[str | None] = mapped_column(index=True)
    name: Mapped[str | None]
    version: Mapped[int] = mapped_column(server_default=text("0"))
    is_deleted: Mapped[bool] = mapped_column(server_default=text("false"))


class Wish(Base):
    """What a user wishes of the shelves: none of their own without consent, and not those that were opted out of."""

    __tablename__ = "wishes"

    user_id: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int]
    has_consent: Mapped[bool]
    opted_out: Mapped[list[str]] = mapped_column(JSONB)


class ErasedUser(ErasedTable, Base):
    """The users who were deleted."""


class Outbox(OutboxTable, Base):
    """The events that this service publishes."""


class Inbox(InboxTable, Base):
    """The events that this service has handled."""


class Idempotency(IdempotencyTable, Base):
    """The answers to requests with an `Idempotency-Key`."""
