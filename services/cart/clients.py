"""What the cart asks of catalog: only the fields that it needs."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from services.common.runtime.http_client import ServiceClient

AT_ONCE = 100
"""Products in one request."""


class _Read(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class Offer(_Read):
    """A product's special price."""

    price: Decimal
    start_date: datetime
    end_date: datetime | None


class Product(_Read):
    """A product as it is now."""

    id: int
    sku: str
    name: str
    currency: str
    price: Decimal
    image: str | None
    stock: int
    is_active: bool
    is_parent: bool = False  # a catalog of before variants does not say it
    special_price: Offer | None
    product_version: int
    stock_version: int
    offer_version: int

    @property
    def is_sold(self) -> bool:
        """Whether it can be bought: a parent is sold by its variants."""
        return self.is_active and not self.is_parent

    def columns(self) -> dict[str, Any]:
        """The columns of the copy in a cart item."""
        offer = self.special_price
        return {
            "sku": self.sku,
            "product_name": self.name,
            "product_price": self.price,
            "currency": self.currency,
            "product_image": self.image,
            "stock": self.stock,
            "is_active": self.is_sold,
            "special_price": offer and offer.price,
            "special_currency": offer and self.currency,
            "special_starts_at": offer and offer.start_date,
            "special_ends_at": offer and offer.end_date,
            "product_version": self.product_version,
            "stock_version": self.stock_version,
            "offer_version": self.offer_version,
        }


class _Page(_Read):
    items: list[Product]


class Catalog:
    """Catalog's products, by reference (`7`, `sku:…`)."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client
        self.close = client.close

    async def products(self, references: list[str]) -> list[Product]:
        """Those that there are.

        Raises:
            CallFailedError: catalog does not answer.
        """
        params = {"ids": references, "limit": AT_ONCE}
        return (await self._client.read(_Page, "GET", "/v1/products", params=params)).items if references else []
