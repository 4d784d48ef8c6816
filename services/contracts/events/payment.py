"""What happens to payments: `payment.v1`."""

from uuid import UUID

from services.contracts.envelope import Contract, Currency, Id, Money, Text, UserId


class PaymentAuthorized(Contract):
    """PAYMENT_AUTHORIZED: the money is set aside, and can be captured."""

    payment_id: UUID
    order_id: Id
    user_id: UserId
    currency: Currency = "JPY"
    amount: Money


class PaymentSettled(Contract):
    """PAYMENT_COMPLETED, PAYMENT_FAILED."""

    payment_id: UUID
    order_id: Id
    user_id: UserId
    currency: Currency = "JPY"
    amount: Money
    failure_reason: Text | None = None


class RefundCompleted(Contract):
    """REFUND_COMPLETED."""

    refund_id: UUID
    payment_id: UUID
    order_id: Id
    user_id: UserId
    currency: Currency = "JPY"
    amount: Money
