"""Special prices that merchandisers' rows promise: catalog has them, or the row is refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from services.common.runtime.errors import Fault, Unprocessable
from services.content.clients import Catalog, SpecialPrice


class NotInCatalog(Unprocessable):
    """Catalog has no such special price for the product, or not at a time when the row shows."""

    title = "Special price not in catalog"


@dataclass(frozen=True)
class Promises:
    """Checks what one caller promises.

    Attributes:
        sessions: for what must be read first, so that no connection is held while catalog is asked.
    """

    sessions: async_sessionmaker[AsyncSession]
    catalog: Catalog
    authorization: str

    async def check(self, row: Mapping[str, Any]) -> None:
        """Refuse the values of a row whose `promised_price` is not catalog's offer at some time of the row.

        Raises:
            NotInCatalog: see the class.
            CallFailedError: catalog does not answer.
        """
        if (promised := row.get("promised_price")) is None:
            return
        offer = await self.catalog.offer(row["product_id"], self.authorization)
        start, end = row.get("start_date") or datetime.now(UTC), row.get("end_date")
        if offer is None or offer.price != promised or not _overlap(offer, start, end):
            message = "catalog has no such offer then: PUT /v1/products/{productId}/special-price sets one"
            raise NotInCatalog(errors=[Fault(field="body.promisedPrice", message=message)])


def promises_more(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether a row would promise what it did not: something else, or at a time when it did not show."""
    if any(before[name] != after[name] for name in ("promised_price", "product_id", "mode")):
        return True
    starts_earlier = after["start_date"] < before["start_date"]
    ends_later = before["end_date"] is not None and (
        after["end_date"] is None or before["end_date"] < after["end_date"]
    )
    return starts_earlier or ends_later


def _overlap(offer: SpecialPrice, start: datetime, end: datetime | None) -> bool:
    begins_in_time = end is None or offer.start_date < end
    return begins_in_time and (offer.end_date is None or start < offer.end_date)
