"""A place on a shelf of the top page: what serving answers, and the gateway passes on."""

from typing import Annotated

from pydantic import Field

from services.common.web.fields import Schema


class ShelfItem(Schema):
    """One place on a shelf: a product or, by a merchandiser, a category, and the reason for it.

    `displayId` is the merchandiser's row of what is pinned.
    """

    product_id: int | None
    sku: str | None
    product_name: str | None
    product_price: Annotated[str | None, Field(examples=["12.30"])]
    special_price: Annotated[str | None, Field(examples=["9.99"])]
    currency: str | None
    rating: float | None
    image: str | None
    category_id: int | None
    category_code: str | None
    category_name: str | None
    rank: int
    score: float | None
    reason: str | None
    source: str
    display_id: int | None = None
