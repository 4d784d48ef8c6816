"""The table of images."""

from datetime import datetime

from sqlalchemy import func
from sqlalchemy.orm import Mapped, mapped_column

from services.catalog.models import Base


class StoredImage(Base):
    """An image whose files are in the object store, or about to be; `stored_at` is when it was last uploaded."""

    __tablename__ = "stored_images"

    id: Mapped[str] = mapped_column(primary_key=True)
    stored_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)
