"""Requests and responses about reservations."""

from datetime import datetime, timedelta
from typing import Annotated, Self

from pydantic import AfterValidator, Field

from services.catalog.reservations.models import Reservation
from services.catalog.reservations.reservations import Status
from services.common.web.fields import Id, Schema, ShownMoney

MOST_LINES, MOST_PIECES = 100, 1_000
LONGEST_HOLD = timedelta(days=30)


class Pieces(Schema):
    """How much of one product."""

    product_id: Id
    quantity: Annotated[int, Field(strict=True, ge=1, le=MOST_PIECES)]


def _once_each(items: list[Pieces]) -> list[Pieces]:
    if len({each.product_id for each in items}) < len(items):
        raise ValueError("must name each product once")
    return items


Items = Annotated[list[Pieces], Field(min_length=1, max_length=MOST_LINES), AfterValidator(_once_each)]


class Returned(Schema):
    """What has come back."""

    items: Items

    def wanted(self) -> dict[int, int]:
        """Pieces by product id."""
        return {each.product_id: each.quantity for each in self.items}


class Reserve(Returned):
    """What to reserve, and for how long."""

    hold_seconds: Annotated[int, Field(strict=True, ge=1, le=int(LONGEST_HOLD.total_seconds()))]

    @property
    def hold(self) -> timedelta:
        """The time until the pieces go back."""
        return timedelta(seconds=self.hold_seconds)


class ReservedLine(Schema):
    """One product, with its price at the time of the reservation; `amount` is that of the line."""

    product_id: int
    quantity: int
    product_name: str
    image: str | None
    currency: str
    price: ShownMoney
    amount: ShownMoney


class ReservationOut(Schema):
    """A reservation; one that was released before it was made has no items."""

    id: str
    status: Status
    expires_at: datetime
    items: list[ReservedLine]

    @classmethod
    def of(cls, row: Reservation) -> Self:
        """Build from a row."""
        lines = [ReservedLine.model_validate(line) for line in row.lines]
        return cls(id=row.id, status=Status(row.status), expires_at=row.expires_at, items=lines)
