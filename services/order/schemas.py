"""Requests and responses of the order service."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, Field

from services.common.web.fields import AddressId, Id, Schema, ShortText, ShownMoney
from services.common.web.paging import Page
from services.contracts.envelope import Money
from services.contracts.payments import PaymentMethod, PaymentToken, ReturnUrl
from services.order.domain import OrderStatus, ReturnStatus


class NewOrder(Schema):
    """An order over what is in the cart.

    `expectedTotal` is what the shopper was shown: at another price there is no order. `paymentToken` comes from the
    payment provider's own fields in the browser.
    """

    payment_method: PaymentMethod
    payment_token: PaymentToken | None = None
    return_url: ReturnUrl | None = None
    address_id: AddressId | None = None
    expected_total: Money | None = None


class Cancellation(Schema):
    """Why an order is cancelled."""

    reason: ShortText


class OrderItemOut(Schema):
    """One product of an order."""

    product_id: int
    product_name: str | None
    quantity: int
    currency: str
    price: ShownMoney
    amount: ShownMoney


class OrderOut(Schema):
    """An order; where its payment waits for the shopper, `actionUrl` says where to go."""

    id: int
    user_id: str
    currency: str
    total_amount: ShownMoney
    status: OrderStatus
    items: list[OrderItemOut]
    shipping_address: dict[str, Any] | None
    payment_method: str
    payment_id: UUID
    action_url: str | None
    cancel_reason: str | None
    pay_by: datetime
    ordered_at: datetime
    confirmed_at: datetime | None
    shipped_at: datetime | None
    delivered_at: datetime | None
    cancelled_at: datetime | None


class OrderPage(Page[OrderOut]):
    """Orders, the latest first."""


class ReturnLine(Schema):
    """How much of one product."""

    product_id: Id
    quantity: Annotated[int, Field(strict=True, ge=1, le=1_000)]


def _once_each(items: list[ReturnLine]) -> list[ReturnLine]:
    if len({each.product_id for each in items}) < len(items):
        raise ValueError("must name each product once")
    return items


class NewReturn(Schema):
    """What is to come back, and why."""

    items: Annotated[list[ReturnLine], Field(min_length=1, max_length=100), AfterValidator(_once_each)]
    reason: ShortText

    def wanted(self) -> dict[int, int]:
        """Pieces by product."""
        return {each.product_id: each.quantity for each in self.items}


class Decision(Schema):
    """Why a return is approved or rejected."""

    reason: ShortText | None = None


class ReturnOut(Schema):
    """A return; `refundAmount` is known once the products are back."""

    id: int
    order_id: int
    user_id: str
    status: ReturnStatus
    reason: str
    decision_reason: str | None
    items: list[ReturnLine]
    currency: str
    refund_amount: ShownMoney | None
    returned_at: datetime
    completed_at: datetime | None


class ReturnPage(Page[ReturnOut]):
    """Returns, the latest first."""
