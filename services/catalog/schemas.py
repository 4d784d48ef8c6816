"""Requests and responses of the catalog's API."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from services.catalog.domain import PATH_SEPARATOR
from services.common.runtime.errors import Fault
from services.common.web.fields import (
    Boolean,
    Currency,
    Id,
    ImageAddress,
    LongFreeText,
    Money,
    OfferPrice,
    Schema,
    ShortText,
    ShownMoney,
    Timestamp,
    left_out,
)
from services.common.web.paging import Page
from services.common.web.references import Sku
from services.contracts.card_numbers import no_card_number
from services.contracts.envelope import Quantity, Rating
from services.contracts.events.catalog import MOST_KEYWORDS, Attributes
from services.contracts.money import shown
from services.contracts.prices import Offer, Price, offer_at


def _path(code: str) -> str:
    if any(not part or part != part.strip() for part in code.split(PATH_SEPARATOR)):
        raise ValueError("must be names with ' > ' between them, none of them empty or padded")
    return code


def _without_card_numbers(attributes: dict[str, Any]) -> dict[str, Any]:
    for value in attributes.values():
        for text in value if isinstance(value, tuple) else (value,):
            no_card_number(text if isinstance(text, str) else "")
    return attributes


Code = Annotated[
    str,
    Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f]+$", examples=["GROCERY > TEA"]),
    AfterValidator(_path),
]
Keywords = Annotated[tuple[ShortText, ...], Field(max_length=MOST_KEYWORDS)]
Stock = Annotated[Quantity, Field(strict=True)]


class SpecialPrice(Schema):
    """An offer, below the price: from `startDate` until before `endDate`, or until it is removed."""

    price: OfferPrice
    start_date: Timestamp
    end_date: Timestamp | None = None

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.end_date and self.end_date <= self.start_date:
            raise ValueError("endDate must lie after startDate")
        return self


class ProductChange(Schema):
    """Changes of a product; omitted fields stay unchanged, and given lists and attributes replace the old ones.

    `image` replaces the first image, and leaves all as they are if that was uploaded, unless it names an uploaded one.
    `parentId` or `parentSku` makes the product a variant.
    """

    name: ShortText = left_out()
    description: LongFreeText | None = left_out()
    brand: ShortText | None = left_out()
    currency: Currency = left_out()
    price: Money = left_out()
    rating: Rating = left_out()
    image: ImageAddress | None = left_out()
    keywords: Keywords = left_out()
    attributes: Annotated[Attributes, AfterValidator(_without_card_numbers)] = left_out()
    parent_id: Id | None = left_out()
    parent_sku: Sku | None = left_out()
    stock: Stock = left_out()
    is_active: Boolean = left_out()
    category_ids: Annotated[list[Id], Field(max_length=20)] = left_out()
    category_codes: Annotated[list[Code], Field(max_length=20)] = left_out()
    special_price: SpecialPrice | None = left_out()

    @model_validator(mode="after")
    def _named_in_one_way(self) -> Self:
        if {"category_ids", "category_codes"} <= self.model_fields_set:
            raise ValueError("give categoryIds or categoryCodes, not both")
        if {"parent_id", "parent_sku"} <= self.model_fields_set:
            raise ValueError("give parentId or parentSku, not both")
        return self

    def changes(self) -> dict[str, Any]:
        """The given fields by column name, without the sku."""
        changes = {name: getattr(self, name) for name in self.model_fields_set - {"sku"}}
        if (offer := changes.get("special_price")) is not None:
            changes["special_price"] = dict(offer)
        return changes


class ProductLine(ProductChange):
    """One line of the bulk upsert: changes the product with this sku, or creates it from at least name and price."""

    sku: Sku


class NewProduct(ProductLine):
    """A product to create."""

    name: ShortText
    price: Money


class ProductOut(Schema):
    """A product.

    Shoppers see whether it is in stock, and a current offer; `stock`, future offers, the versions of both and
    `updatedAt`, which tells of each change of them, are for roles and services.
    A parent is not sold: its stock, and the current prices `priceFrom` to `priceTo` in its currency, are those of its
    active variants. `lowestPriceBefore` is the lowest price of the 30 days before the offer, if one is shown.
    """

    id: int
    sku: str
    name: str
    description: str | None
    brand: str | None
    currency: str
    price: ShownMoney
    rating: float
    rating_count: int
    image: str | None
    images: list[str]
    keywords: list[str]
    attributes: dict[str, Any]
    parent_id: int | None
    is_parent: bool
    variant_count: int
    price_from: ShownMoney | None
    price_to: ShownMoney | None
    stock: int | None
    in_stock: bool
    is_active: bool
    category_ids: list[int]
    category_codes: list[str]
    special_price: SpecialPrice | None
    lowest_price_before: ShownMoney | None
    product_version: int
    stock_version: int | None
    offer_version: int | None
    created_at: datetime
    updated_at: datetime | None

    @classmethod
    def of(cls, row: Mapping[Any, Any], *, is_public: bool) -> Self:
        """Build from a row of `queries.shown`; with `is_public` as shoppers see it."""
        stock = row["variants_stock"] if row["is_parent"] else row["stock"]
        fields = dict(row, stock=stock, in_stock=stock > 0)
        if row["special_price"] is not None:
            fields["special_price"] = SpecialPrice.model_construct(
                price=shown(row["special_price"], row["currency"]),
                start_date=row["start_date"],
                end_date=row["end_date"],
            )
        if is_public:
            fields |= dict.fromkeys(("stock", "stock_version", "offer_version", "updated_at"))
            if not _is_true_now(row):
                fields["special_price"] = fields["lowest_price_before"] = None
        return cls(**{name: fields[name] for name in cls.model_fields})


def _is_true_now(row: Mapping[Any, Any]) -> bool:
    if row["special_price"] is None:
        return False
    offer = Offer(row["special_price"], row["currency"], row["start_date"], row["end_date"])
    return offer_at(datetime.now(UTC), Price(row["price"], row["currency"]), offer) is not None


class ProductPage(Page[ProductOut]):
    """One page of products, by id."""


class StockLevel(Schema):
    """The counted stock."""

    stock: Stock


class StockChange(Schema):
    """The change of the stock, negative to take from it."""

    change: Annotated[int, Field(strict=True, ge=-1_000_000, le=1_000_000)]
    reason: ShortText | None = None


class LineResult(Schema):
    """The outcome of one line, counted from 1, with `sku` and `productId`, or `code` and `categoryId`."""

    line: int
    sku: str | None = None
    product_id: int | None = None
    code: str | None = None
    category_id: int | None = None
    status: Literal["created", "updated", "unchanged", "refused"]
    errors: list[Fault] | None = None
