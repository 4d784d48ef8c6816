"""The images of products: their files in the object store, their addresses in the product's `images`.

What is about to be stored is committed first, then stored, then named by the product: an upload that ends in between
leaves files that the sweeper finds by their row, and a product never names files that are not there.
"""

import re
from collections.abc import Sequence
from typing import Final

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog import service
from services.catalog.domain import MOST_IMAGES, UPLOADED, Refused
from services.catalog.images.files import Encoder, ImageFiles, names_of
from services.catalog.images.models import StoredImage
from services.catalog.images.object_store import ObjectStore
from services.catalog.models import Product
from services.common.runtime.errors import NotFound
from services.common.storage.database import Database
from services.common.web.preconditions import Expected
from services.common.web.references import ProductReference

DRAWING: Final = re.compile(r"/images/categories/[0-9]+\.svg")
"""A category's drawing, which imports of older releases gave to products; it yields to a picture of the product."""
KEPT_SECONDS: Final = 3600
"""How long an upload may take until a product names it; then nobody misses what no product names."""
_UNUSED = text("""
    DELETE FROM stored_images WHERE id IN (
        SELECT id FROM stored_images
        WHERE stored_at < now() - make_interval(secs => :seconds) AND NOT EXISTS (
            SELECT FROM products WHERE images <> '{}' AND images @> ARRAY[replace(:address, '{}', stored_images.id)]
        )
        ORDER BY stored_at LIMIT :most FOR UPDATE SKIP LOCKED
    ) RETURNING id
""")


class ImageNotFound(NotFound):
    """The product has no such image, or nothing is stored under the name."""

    title = "Image not found"


def address_of(image_id: str) -> str:
    """The address of an image in full."""
    return f"{UPLOADED}{names_of(image_id)[0]}"


class Images:
    """Uploads images."""

    def __init__(self, database: Database, files: ObjectStore) -> None:
        self._database, self._files, self._encoder = database, files, Encoder()

    async def close(self) -> None:
        """End the encoder's threads, and the store's connections."""
        await self._encoder.close()
        await self._files.close()

    async def add(self, product: ProductReference, upload: bytes) -> ImageFiles:
        """Add an image to a product, behind its others; one that it has stays where it is.

        Raises:
            ProductNotFound, Refused, TooManyUploads, StoreUnavailable: see the classes.
        """
        async with self._database.sessions() as session:
            product_id = await service.find(session, product)
            await service.read(session, product_id, is_public=False)
        image = await self._encoder.files_of(upload)
        async with self._database.sessions.begin() as session:
            await _will_store(session, image.id)
        for name, content in image.files.items():
            await self._files.put(name, content)
        async with self._database.sessions.begin() as session:
            await _append(session, product_id, address_of(image.id))
        return image

    async def sweep(self, most: int, *, kept_seconds: float = KEPT_SECONDS) -> int:
        """Delete the files of images that no product names; how many images that were.

        Raises:
            StoreUnavailable: they are there, and will be found again.
        """
        async with self._database.sessions.begin() as session:
            given = {"seconds": kept_seconds, "most": most, "address": address_of("{}")}
            ids = list(await session.scalars(_UNUSED, given))
            await self._files.delete([name for image_id in ids for name in names_of(image_id)])
        return len(ids)


async def _will_store(session: AsyncSession, image_id: str) -> None:
    """Say so first: who sweeps the image holds its row until its files are gone, and they are written after that."""
    row = insert(StoredImage).values(id=image_id)
    await session.execute(row.on_conflict_do_update(index_elements=[StoredImage.id], set_={"stored_at": func.now()}))


async def _append(session: AsyncSession, product_id: int, address: str) -> None:
    images = tuple(each for each in await _locked(session, product_id) if not DRAWING.fullmatch(each))
    if address not in images:
        if len(images) >= MOST_IMAGES:
            raise Refused("images", f"are {MOST_IMAGES} at most")
        await service.change(session, product_id, {"images": (*images, address)})


async def remove(session: AsyncSession, product_id: int, image_id: str, expected: Expected | None = None) -> None:
    """Take an uploaded image from a product; its files go later, if no other product has it.

    Raises:
        ProductNotFound, ImageNotFound, PreconditionFailed: see the classes.
    """
    images, address = await _locked(session, product_id), address_of(image_id)
    if address not in images:
        raise ImageNotFound(f"The product {product_id} has no image {image_id}.")
    rest = tuple(each for each in images if each != address)
    await service.change(session, product_id, {"images": rest}, expected)


async def arrange(
    session: AsyncSession, product_id: int, images: Sequence[str], expected: Expected | None = None
) -> None:
    """Put a product's images into another order.

    Raises:
        ProductNotFound, PreconditionFailed: see the classes.
        Refused: these are not the product's images.
    """
    if sorted(images) != sorted(await _locked(session, product_id)):
        raise Refused("images", "must be the product's images, each once")
    await service.change(session, product_id, {"images": tuple(images)}, expected)


async def _locked(session: AsyncSession, product_id: int) -> tuple[str, ...]:
    """The addresses of a product's images, which nobody else changes until the transaction ends."""
    locking = select(Product.images).where(Product.id == product_id).with_for_update()
    images: Sequence[str] | None = await session.scalar(locking)
    if images is None:
        raise service.ProductNotFound(f"There is no product {product_id}.")
    return tuple(images)
