"""What happens to orders and returns: `order.v1`."""

from services.contracts.envelope import Contract, Currency, Id, Money, Quantity, Text, UserId


class OrderLine(Contract):
    """One line of an order; `amount` is what was paid for it, which price times quantity does not always give."""

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
    items: list[OrderLine]
    total_amount: Money
    currency: Currency = "JPY"
    simulated: bool = False


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
