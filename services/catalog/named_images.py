"""Which uploaded images changes of products name: what is not stored cannot be shown."""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog.domain import UPLOADED, Changes, Refused

ENDING: Final = ".webp"
_STORED: Final = text("SELECT id FROM stored_images WHERE id = ANY (CAST(:ids AS text[])) ORDER BY id FOR SHARE")
"""Locked, so that the sweeper leaves them until a product names them."""


class NamedImages:
    """The addresses at which uploaded images are, as far as some changes name them."""

    def __init__(self, stored: Iterable[str]) -> None:
        self._stored = {f"{UPLOADED}{image_id}{ENDING}" for image_id in stored}

    @classmethod
    async def of(cls, session: AsyncSession, all_changes: Iterable[Changes]) -> "NamedImages":
        """Read which of the named images are stored."""
        images = [image for changes in all_changes if (image := _uploaded(changes)) is not None]
        ids = [image.removeprefix(UPLOADED).removesuffix(ENDING) for image in images]
        return cls(await session.scalars(_STORED, {"ids": ids}) if ids else ())

    def check(self, changes: Changes) -> None:
        """Let no product have an uploaded image that is not there.

        Raises:
            Refused: the changes name one.
        """
        image = _uploaded(changes)
        if image is not None and image not in self._stored:
            raise Refused("image", f"is not stored: {image}")


def _uploaded(changes: Changes) -> str | None:
    image = changes.get("image")
    return image if image is not None and image.startswith(UPLOADED) else None
