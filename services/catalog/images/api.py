"""Images of products: uploaded, arranged and deleted by merchandisers, served to everybody."""

from typing import Annotated, Any

from fastapi import Header, Path, Request, Response

from services.catalog.api import CHANGE, ProductId
from services.catalog.images import images
from services.catalog.images.files import DIGITS, EXTENSION
from services.catalog.images.images import ImageNotFound, Images
from services.catalog.images.object_store import ObjectStore
from services.catalog.images.schemas import ImageOrder, ImageOut
from services.catalog.images.worker import WIDTHS
from services.common.identity.policy import PUBLIC
from services.common.runtime.errors import problems
from services.common.storage.database import Session
from services.common.web.preconditions import IfMatch
from services.common.web.references import ProductReference
from services.common.web.routing import Router

router = Router(tags=["images"])
MOST_BYTES = 10 * 1024 * 1024
TYPES = ("image/jpeg", "image/png", "image/webp", "image/gif")
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {each: {"schema": {"type": "string", "format": "binary"}} for each in TYPES},
    }
}
SERVED = "image/webp"
HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}
ImageId = Annotated[str, Path(alias="imageId", pattern=rf"^[0-9a-f]{{{DIGITS}}}$")]
Name = Annotated[str, Path(pattern=rf"^[0-9a-f]{{{DIGITS}}}(-({'|'.join(map(str, WIDTHS))}))?\{EXTENSION}$")]


@router.post(
    "/v1/products/{productId:product}/images",
    status_code=201,
    dependencies=CHANGE,
    responses=problems(404, 413, 503),
    openapi_extra=BODY,
    max_body_size=MOST_BYTES,
)
async def upload_image(
    request: Request, product: Annotated[ProductReference, Path(alias="productId")], response: Response
) -> ImageOut:
    """Add an image behind the product's others: JPEG, PNG, WebP or GIF, whatever the request calls it.

    It is made anew as WebP of at most 1,600 pixels a side, upright, in sRGB and without metadata, and in three widths;
    of an animation the first frame. The same image again changes nothing.
    """
    uploads: Images = request.app.state.images
    image = ImageOut.of(await uploads.add(product, await request.body()))
    response.headers["Location"] = image.address
    return image


@router.put("/v1/products/{productId:product}/images", dependencies=CHANGE, responses=problems(404, 412))
async def arrange_images(
    product_id: ProductId, body: ImageOrder, session: Session, expected: IfMatch = None
) -> ImageOrder:
    """Put the product's images into another order."""
    await images.arrange(session, product_id, body.images, expected)
    return body


@router.delete(
    "/v1/products/{productId:product}/images/{imageId}",
    status_code=204,
    dependencies=CHANGE,
    responses=problems(404, 412),
)
async def delete_image(product_id: ProductId, image_id: ImageId, session: Session, expected: IfMatch = None) -> None:
    """Take an uploaded image from the product; its files go within hours, if no other product has it."""
    await images.remove(session, product_id, image_id, expected)


@router.get(
    "/v1/images/{name}",
    dependencies=[PUBLIC],
    response_class=Response,
    responses={
        200: {"content": {SERVED: {"schema": {"type": "string", "format": "binary"}}}},
        304: {"description": "Not modified"},
        **problems(404, 503),
    },
)
async def read_image(
    name: Name, request: Request, if_none_match: Annotated[str | None, Header(max_length=1_000)] = None
) -> Response:
    """A file of an image, which never changes: `<imageId>.webp`, or `<imageId>-<width>.webp` for 800, 400 or 160."""
    tag = f'"{name}"'
    headers = {**HEADERS, "ETag": tag}
    if if_none_match is not None and tag in if_none_match:
        return Response(status_code=304, headers=headers)
    files: ObjectStore = request.app.state.image_files
    content = await files.get(name)
    if content is None:
        raise ImageNotFound("Nothing is stored under this name.")
    return Response(content, media_type=SERVED, headers=headers)
