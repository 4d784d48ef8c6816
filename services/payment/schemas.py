"""Requests and responses of the payment API."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field

from services.common.web.fields import Boolean, Currency, Id, Money, Schema, ShortText, ShownMoney, UserId
from services.common.web.paging import Page
from services.contracts.payments import PaymentMethod, PaymentToken, ReturnUrl
from services.payment.domain import PaymentStatus, RefundStatus, Stage
from services.payment.models import Refund
from services.payment.provider import Charge

Amount = Annotated[Money, Field(gt=0)]


class NewPayment(Schema):
    """A payment to make; `paymentToken` comes from the provider's own fields in the browser, never a card number."""

    order_id: Id
    user_id: UserId
    currency: Currency = "JPY"
    amount: Amount
    payment_method: PaymentMethod
    payment_token: PaymentToken | None = None
    return_url: ReturnUrl | None = None

    def charge(self, payment_id: UUID) -> Charge:
        """What its provider is asked for."""
        what = self.order_id, self.amount, self.currency, self.payment_method
        return Charge(str(payment_id), *what, token=self.payment_token, return_url=self.return_url)


class PaymentOut(Schema):
    """A payment; where it waits for the shopper, `actionUrl` says where to go."""

    id: UUID
    order_id: int
    user_id: str
    currency: str
    amount: ShownMoney
    payment_method: PaymentMethod
    status: PaymentStatus
    stage: Stage
    captured_amount: ShownMoney
    refunded_amount: ShownMoney
    action_url: str | None
    failure_reason: str | None
    processed_at: datetime | None
    created_at: datetime


class PaymentPage(Page[PaymentOut]):
    """Payments, the latest first."""


class NewRefund(Schema):
    """What goes back."""

    payment_id: UUID
    currency: Currency = "JPY"
    amount: Amount
    reason: ShortText


class RefundOut(Schema):
    """A refund; COMPLETED means that the provider has given the money back."""

    id: UUID
    payment_id: UUID
    currency: str
    amount: ShownMoney
    reason: str
    status: RefundStatus
    failure_reason: str | None
    processed_at: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, row: Refund, currency: str) -> Self:
        """Build from a row."""
        fields = cls.model_fields.keys() - {"currency"}
        return cls(currency=currency, **{name: getattr(row, name) for name in fields})


class LocalAction(Schema):
    """What the shopper does at the local provider."""

    approve: Boolean
