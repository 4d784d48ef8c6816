"""What happens to orders and returns: `order.v1`."""

from pydantic import ValidationInfo, field_validator

from services.contracts.envelope import Contract, Currency, Id, Money, Quantity, Text, UserId
from services.contracts.money import exact


class OrderLine(Contract):
    """One line of an order; `amount` is what was paid for it, which price times quantity does not always give.

    Its money is of the order's currency.
    """

    product_id: Id
    quantity: Quantity
    price: Money
    amount: Money
    product_name: Text | None = None


class OrderSnapshot(Contract):
    """ORDER_CREATED, and ORDER_COMPLETED once the order is CONFIRMED: the whole order."""

    order_id: Id
    external_id: Text | None = None
    user_id: UserId
    currency: Currency = "JPY"
    items: list[OrderLine]
    total_amount: Money
    simulated: bool = False

    @field_validator("items")
    @classmethod
    def _of_its_currency(cls, items: list[OrderLine], info: ValidationInfo) -> list[OrderLine]:
        currency = info.data.get("currency")
        return [
            line.model_copy(update={name: exact(getattr(line, name), currency) for name in ("price", "amount")})
            for line in items
        ]


class OrderCancelled(Contract):
    """ORDER_CANCELLED."""

    order_id: Id
    user_id: UserId
    reason: Text | None = None


class ReturnLine(Contract):
    """What of one product comes back."""

    product_id: Id
    quantity: Quantity


class ReturnSnapshot(Contract):
    """RETURN_REQUESTED, RETURN_COMPLETED."""

    return_id: Id
    order_id: Id
    user_id: UserId
    reason: Text | None = None
    items: list[ReturnLine]
