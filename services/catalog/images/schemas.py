"""Requests and responses about images."""

from typing import Annotated, Self

from pydantic import Field

from services.catalog.domain import MOST_IMAGES, UPLOADED
from services.catalog.images.files import ImageFiles, names_of
from services.catalog.images.images import address_of
from services.catalog.images.worker import WIDTHS
from services.common.web.fields import ImageAddress, Schema


class ImageSize(Schema):
    """A narrower file of an image; an image that is as narrow already has its own width in it."""

    width: int
    address: str


class ImageOut(Schema):
    """An uploaded image: `imageId` stands for its content. Each address may be kept forever."""

    image_id: str
    address: str
    width: int
    height: int
    sizes: list[ImageSize]

    @classmethod
    def of(cls, image: ImageFiles) -> Self:
        """Describe an image."""
        narrower = zip(WIDTHS, names_of(image.id)[1:], strict=True)
        sizes = [ImageSize(width=width, address=f"{UPLOADED}{name}") for width, name in narrower]
        return cls(image_id=image.id, address=address_of(image.id), width=image.width, height=image.height, sizes=sizes)


class ImageOrder(Schema):
    """The addresses of all images of a product in their new order: the first one is shown in lists."""

    images: Annotated[list[ImageAddress], Field(max_length=MOST_IMAGES)]
