"""What content asks of catalog: whether there is a product, and its offer, also one that is still to come."""

from datetime import datetime
from decimal import Decimal
from http import HTTPStatus

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from services.common.runtime.answers import UnexpectedStatusError
from services.common.runtime.http_client import ServiceClient


class _Read(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class SpecialPrice(_Read):
    """An offer, with its dates."""

    price: Decimal
    start_date: datetime
    end_date: datetime | None


class _Product(_Read):
    special_price: SpecialPrice | None


class Catalog:
    """Catalog, asked with the token of whoever asks content: only staff is told of coming offers."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client
        self.close = client.close

    async def has(self, product_id: int, authorization: str) -> bool:
        """Whether there is such a product.

        Raises:
            CallFailedError: catalog does not answer.
        """
        return await self._product(product_id, authorization) is not None

    async def offer(self, product_id: int, authorization: str) -> SpecialPrice | None:
        """The product's present or coming offer; None if there is none, or no such product.

        Raises:
            CallFailedError: catalog does not answer.
        """
        product = await self._product(product_id, authorization)
        return product.special_price if product is not None else None

    async def _product(self, product_id: int, authorization: str) -> _Product | None:
        headers = {"Authorization": authorization}
        try:
            return await self._client.read(_Product, "GET", f"/v1/products/{product_id}", headers=headers)
        except UnexpectedStatusError as error:
            if error.answer.status_code == HTTPStatus.NOT_FOUND:
                return None
            raise
