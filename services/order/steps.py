"""The steps of the sagas: each asks one other service, and may be repeated until it has an answer.

A checkout reserves the stock, pays, commits the stock, captures the money, and empties the cart. Giving an order up, or
cancelling it, undoes that in reverse. A return is refunded and restocked. Ids are made from the order's, so that
whatever is repeated, after a crash as well, is known to be the same.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote

from services.contracts.payments import CANCELLED, id_of_refund
from services.order.clients import Payment, Refund, Refused, Reservation, Services
from services.order.domain import CHECKOUT, Step
from services.order.models import Order, OrderItem, Return, ReturnItem
from services.order.settings import OrderSettings

UNSETTLED, LONGEST_UNSETTLED = timedelta(seconds=1), timedelta(minutes=1)
"""When to ask again about what the provider has not done: twice as long from time to time."""
LONGEST_WAIT: Final = timedelta(minutes=10)
"""When to ask again about a payment that waits for the shopper, if no event tells of it."""
MARGIN: Final = timedelta(minutes=10)
"""How much longer the stock is held than the payment may take."""
NOT_FOUND: Final = 404


@dataclass(frozen=True)
class Done:
    """The step is done: `then` is the next one, by default as the table says."""

    then: Step | None = None


@dataclass(frozen=True)
class Wait:
    """Not done yet: try again after that; the shopper may have to go somewhere meanwhile."""

    pause: timedelta
    action_url: str | None = None


@dataclass(frozen=True)
class GiveUp:
    """The order cannot be made."""

    reason: str


Result = Done | Wait | GiveUp


class Steps:
    """What is done at each step, in the method of its name."""

    def __init__(self, services: Services, settings: OrderSettings) -> None:
        self._services, self._settings = services, settings

    async def do(self, step: Step, row: Order | Return) -> Result:
        """Do one step of an order's or a return's saga.

        Raises:
            CallFailedError: another service does not answer.
            Refused: another service refuses what it must not refuse.
        """
        act: Callable[[Any], Awaitable[Result]] = getattr(self, step.lower())
        try:
            return await act(row)
        except Refused as refusal:
            if step not in CHECKOUT:
                raise
            return GiveUp(str(refusal.detail))

    async def reserve(self, order: Order) -> Result:
        """Take the pieces out of the stock, at the prices that the shopper was told."""
        hold = self._settings.hold(order.payment_method) + MARGIN
        body = {"items": _pieces(order.items), "holdSeconds": int(hold.total_seconds())}
        held = await self._services.ask(Reservation, "catalog", "PUT", f"/v1/reservations/order-{order.id}", body)
        now = {line.product_id: (line.amount, line.currency) for line in held.items}
        told = {item.product_id: (item.amount, order.currency) for item in order.items}
        return Done() if now == told else GiveUp("a price has changed meanwhile")

    async def pay(self, order: Order) -> Result:
        """Make the payment."""
        body = {
            "orderId": order.id,
            "userId": order.user_id,
            "currency": order.currency,
            "amount": str(order.total_amount),
            "paymentMethod": order.payment_method,
            "paymentToken": order.payment_token,
            "returnUrl": order.return_url,
        }
        result = _after_payment(order, await self._payment(order, "PUT", body=body))
        return Done() if isinstance(result, Wait) else result

    async def await_payment(self, order: Order) -> Result:
        """See whether it is paid."""
        return _after_payment(order, await self._payment(order, "GET"))

    async def commit(self, order: Order) -> Result:
        """The pieces are sold."""
        await self._services.tell("catalog", "POST", f"/v1/reservations/order-{order.id}/commit")
        return Done()

    async def capture(self, order: Order) -> Result:
        """Take the money."""
        payment = await self._payment(order, "POST", "/capture")
        return Done() if payment.stage == "CAPTURED" else _given_up(payment) or again(order)

    async def empty_cart(self, order: Order) -> Result:
        """Take what was bought out of the cart."""
        path = f"/v1/carts/{quote(order.user_id, safe='')}/checkouts/{order.id}"
        await self._services.tell("cart", "PUT", path, {"items": _pieces(order.items)})
        return Done()

    async def give_back(self, order: Order) -> Result:
        """Give up the payment, or refund it if the money was taken."""
        try:
            payment = await self._payment(order, "POST", "/cancel")
        except Refused as refusal:
            if refusal.code == NOT_FOUND:  # it was never made
                return Done()
            return await self._refund(order, CANCELLED, order.total_amount)
        return Done() if _given_up(payment) else again(order)

    async def release(self, order: Order) -> Result:
        """Give the pieces back to the stock."""
        await self._services.tell("catalog", "POST", f"/v1/reservations/order-{order.id}/release")
        return Done()

    async def refund(self, back: Return) -> Result:
        """Refund what came back, if it has cost anything."""
        if not back.refund_amount:
            return Done()
        return await self._refund(back, f"return-{back.id}", back.refund_amount)

    async def restock(self, back: Return) -> Result:
        """Put what came back into the stock."""
        await self._services.tell("catalog", "PUT", f"/v1/restocks/return-{back.id}", {"items": _pieces(back.items)})
        return Done()

    async def _payment(self, order: Order, method: str, what: str = "", body: Any = None) -> Payment:  # noqa: ANN401
        return await self._services.ask(Payment, "payment", method, f"/v1/payments/{order.payment_id}{what}", body)

    async def _refund(self, row: Order | Return, what: str, amount: Decimal) -> Result:
        order = row.order if isinstance(row, Return) else row
        body = {"paymentId": str(order.payment_id), "currency": order.currency, "amount": str(amount), "reason": what}
        path = f"/v1/refunds/{id_of_refund(order.payment_id, what)}"
        refund = await self._services.ask(Refund, "payment", "PUT", path, body)
        return Done() if refund.status == "COMPLETED" else again(row)


def again(row: Order | Return) -> Wait:
    """Not done yet, and asked about less and less often."""
    longer: int = 2 ** min(row.tries, 10)
    return Wait(min(UNSETTLED * longer, LONGEST_UNSETTLED))


def _after_payment(order: Order, payment: Payment) -> Result:
    if payment.stage in ("AUTHORISED", "CAPTURED"):
        return Done(then=Step.COMMIT)
    if given_up := _given_up(payment):
        return given_up
    left = order.pay_by - datetime.now(UTC)
    if left <= timedelta(0):
        return GiveUp("not paid in time")
    pause = LONGEST_WAIT if payment.action_url else again(order).pause  # no event tells where the shopper has to go
    return Wait(min(left, pause), payment.action_url)


def _given_up(payment: Payment) -> GiveUp | None:
    if payment.stage not in ("DECLINED", "VOIDED"):
        return None
    return GiveUp(payment.failure_reason or "the payment was declined")


def _pieces(items: Sequence[OrderItem | ReturnItem]) -> list[dict[str, int]]:
    return [{"productId": item.product_id, "quantity": item.quantity} for item in items]
