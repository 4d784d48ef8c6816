"""The tables of reservations."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.catalog.models import Base


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
