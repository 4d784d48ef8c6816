"""What happens to products and categories: `catalog.v1`.

Reviews of products are here, too, with a version of their own; those of a deleted product go without an event.

A product has three parts: its description, its stock and its offer. The version of a part grows with its changes, so a
copy applies a part only if it is not older than its own, in whatever order events arrive; 0 is the version of events
from before there were versions. A deletion is final: ids are not reused.
"""

from typing import Annotated

from pydantic import Field

from services.contracts.envelope import (
    MAX_INTEGER,
    Contract,
    Currency,
    Id,
    LongText,
    Money,
    Quantity,
    Rating,
    Text,
    Timestamp,
    Version,
)

MOST_ATTRIBUTES, MOST_KEYWORDS, MOST_IMAGES = 100, 50, 50
LARGEST_NUMBER = 1_000_000_000_000
"""Numbers of attributes lie between its negative and itself."""

Word = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
ATTRIBUTE_CODE = r"^[a-z][a-z0-9_]{0,49}$"
AttributeCode = Annotated[str, Field(pattern=ATTRIBUTE_CODE)]
_BOUNDS = Field(ge=-LARGEST_NUMBER, le=LARGEST_NUMBER)
AttributeValue = (
    bool
    | Annotated[int, _BOUNDS]
    | Annotated[float, _BOUNDS]
    | Word
    | Annotated[tuple[Word, ...], Field(max_length=MOST_ATTRIBUTES)]
)
Attributes = Annotated[dict[AttributeCode, AttributeValue], Field(max_length=MOST_ATTRIBUTES)]
"""Values by the code of their attribute."""


class ProductSnapshot(Contract):
    """PRODUCT_CREATED, PRODUCT_UPDATED: the product as it now is, its stock included.

    `description` is cut after 2,000 characters, and `longDescription` is the whole of one that is longer. A product
    with `parentId` is a variant; its parent is not sold. `image` is the first of `images`.
    """

    product_id: Id
    sku: Text
    name: Text
    description: Text | None = None
    brand: Text | None = None
    currency: Currency = "JPY"
    price: Money
    rating: Rating = 0
    image: Text | None = None
    stock: Quantity = 0
    is_active: bool = True
    category_ids: tuple[Id, ...] = ()
    product_version: Version = 0
    stock_version: Version = 0
    long_description: LongText | None = None
    parent_id: Id | None = None
    attributes: Attributes = Field(default={})
    keywords: Annotated[tuple[Word, ...], Field(max_length=MOST_KEYWORDS)] = ()
    images: Annotated[tuple[Text, ...], Field(max_length=MOST_IMAGES)] = ()
    rating_count: Annotated[int, Field(strict=True, ge=0, le=MAX_INTEGER)] = 0


class ProductDeleted(Contract):
    """PRODUCT_DELETED."""

    product_id: Id
    sku: Text


class StockChanged(Contract):
    """STOCK_CHANGED: the stock after the change."""

    product_id: Id
    stock: Quantity
    reason: Text | None = None
    stock_version: Version = 0


class SpecialPriceSet(Contract):
    """SPECIAL_PRICE_SET: the one offer a product now has; it holds from `start_date` until before `end_date`."""

    product_id: Id
    currency: Currency = "JPY"
    special_price: Money
    start_date: Timestamp
    end_date: Timestamp | None = None
    offer_version: Version = 0


class SpecialPriceEnded(Contract):
    """SPECIAL_PRICE_ENDED: the product has no offer any more."""

    product_id: Id
    offer_version: Version = 0


class ReviewSnapshot(Contract):
    """REVIEW_UPDATED: a buyer's review of a product as it now is.

    It tells neither whose it is nor what it says, for this topic keeps everything. Its REVIEW_SUBMIT tells both, with
    the `reviewId` in its metadata, and is kept for 90 days. `hiddenReason` is not given any more: it is free text, too.
    """

    review_id: Id
    product_id: Id
    rating: Annotated[int, Field(strict=True, ge=1, le=5)]
    text_length: Quantity = 0
    is_hidden: bool = False
    hidden_reason: Text | None = None
    submitted_at: Timestamp
    review_version: Version = 0


class ReviewDeleted(Contract):
    """REVIEW_DELETED: by its author, or with its author's account."""

    review_id: Id
    product_id: Id


class CategorySnapshot(Contract):
    """CATEGORY_CREATED, CATEGORY_UPDATED: the category as it now is; `level` counts from 1 at the root."""

    category_id: Id
    code: Text
    name: Text
    parent_id: Id | None = None
    level: Annotated[int, Field(ge=1, le=MAX_INTEGER)] = 1
    category_version: Version = 0


class CategoryDeleted(Contract):
    """CATEGORY_DELETED."""

    category_id: Id
    code: Text
