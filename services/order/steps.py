"""The steps of the sagas: each asks one other service, and may be repeated until it has an answer.

A checkout reserves the stock, pays, commits the stock, captures the money, and is confirmed. Giving an order up, or
cancelling it, undoes that in reverse. A return is refunded, restocked and completed. Ids are made from the order's, so
that whatever is repeated, after a crash as well, is known to be the same.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid5

from services.order.clients import Payment, Refused, Services
from services.order.domain import Step
from services.order.models import Order, Return
from services.order.settings import OrderSettings

PAID: Final = frozenset({"AUTHORISED", "CAPTURED"})
GIVEN_UP: Final = frozenset({"DECLINED", "VOIDED"})
UNSETTLED: Final = timedelta(seconds=1)
"""When to ask again about a step that the provider has not answered."""
LONGEST_WAIT: Final = timedelta(minutes=10)
"""When to ask again about a payment, if no event tells of it."""
MARGIN: Final = timedelta(minutes=10)
"""How much longer the stock is held than the payment may take."""
NOT_FOUND: Final = 404


@dataclass(frozen=True)
class Done:
    """The step is done: `then` is the next one, by default as the table says."""

    then: Step | None = None
    action_url: str | None = None


@dataclass(frozen=True)
class Wait:
    """Not done yet: try again after that."""

    pause: timedelta
    action_url: str | None = None


@dataclass(frozen=True)
class GiveUp:
    """The order cannot be made."""

    reason: str


Result = Done | Wait | GiveUp


class Steps:
    """What is done at each step, by name: `await steps.do(Step.RESERVE, order)`."""

    def __init__(self, services: Services, settings: OrderSettings) -> None:
        self._services, self._settings = services, settings
        self._all: dict[Step, Callable[[Any], Awaitable[Result]]] = {
            Step.RESERVE: self.reserve,
            Step.PAY: self.pay,
            Step.AWAIT: self.await_payment,
            Step.COMMIT: self.commit,
            Step.CAPTURE: self.capture,
            Step.CONFIRM: self.nothing,
            Step.EMPTY_CART: self.empty_cart,
            Step.GIVE_BACK: self.give_back,
            Step.RELEASE: self.release,
            Step.REFUND: self.refund,
            Step.RESTOCK: self.restock,
            Step.COMPLETE: self.nothing,
        }

    async def do(self, step: Step, row: Order | Return) -> Result:
        """Do one step of an order's or a return's saga.

        Raises:
            CallFailedError: another service does not answer.
            Refused: another service refuses what it must not refuse.
        """
        return await self._all[step](row)

    async def reserve(self, order: Order) -> Result:
        """Take the pieces out of the stock, at the prices that the shopper was told."""
        hold = self._settings.hold(order.payment_method) + MARGIN
        try:
            held = await self._services.reserve(order.id, _pieces(order), hold.total_seconds())
        except Refused as refusal:
            return GiveUp(str(refusal.detail))
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
        try:
            return self._after_payment(order, await self._services.pay(order.payment_id, body))
        except Refused as refusal:
            return GiveUp(str(refusal.detail))

    async def await_payment(self, order: Order) -> Result:
        """See whether it is paid."""
        return self._after_payment(order, await self._services.payment(order.payment_id))

    async def commit(self, order: Order) -> Result:
        """The pieces are sold."""
        try:
            await self._services.commit(order.id)
        except Refused as refusal:
            return GiveUp(str(refusal.detail))
        return Done()

    async def capture(self, order: Order) -> Result:
        """Take the money."""
        try:
            payment = await self._services.capture(order.payment_id)
        except Refused as refusal:
            return GiveUp(str(refusal.detail))
        if payment.stage == "CAPTURED":
            return Done()
        return _declined(payment) if payment.stage in GIVEN_UP else Wait(UNSETTLED)

    async def empty_cart(self, order: Order) -> Result:
        """Take what was bought out of the cart; a cart that refuses keeps it."""
        try:
            await self._services.empty_cart(order.user_id, order.id, _pieces(order))
        except Refused:
            return Done()
        return Done()

    async def give_back(self, order: Order) -> Result:
        """Give up the payment, or refund it if the money was taken."""
        try:
            payment = await self._services.give_up(order.payment_id)
        except Refused as refusal:
            return Done() if refusal.code == NOT_FOUND else await self._refund_all(order)
        return Done() if payment.stage in GIVEN_UP else Wait(UNSETTLED)

    async def release(self, order: Order) -> Result:
        """Give the pieces back to the stock."""
        await self._services.release(order.id)
        return Done()

    async def refund(self, back: Return) -> Result:
        """Refund what came back."""
        return await self._refunded(back.order, f"return-{back.id}", str(back.refund_amount), back.reason)

    async def restock(self, back: Return) -> Result:
        """Put what came back into the stock."""
        await self._services.restock(back.id, {item.product_id: item.quantity for item in back.items})
        return Done()

    async def nothing(self, _: Order | Return) -> Result:
        """All that happens is in our own transaction."""
        return Done()

    def _after_payment(self, order: Order, payment: Payment) -> Result:
        if payment.stage in PAID:
            return Done(then=Step.COMMIT)
        if payment.stage in GIVEN_UP:
            return _declined(payment)
        left = order.pay_by - datetime.now(UTC)
        if left <= timedelta(0):
            return GiveUp("not paid in time")
        return Wait(min(left, LONGEST_WAIT), action_url=payment.action_url)

    async def _refund_all(self, order: Order) -> Result:
        return await self._refunded(order, "cancelled", str(order.total_amount), order.cancel_reason or "cancelled")

    async def _refunded(self, order: Order, what: str, amount: str, reason: str) -> Result:
        body = {"paymentId": str(order.payment_id), "currency": order.currency, "amount": amount, "reason": reason}
        refund = await self._services.refund(uuid5(order.payment_id, what), body)
        return Done() if refund.status == "COMPLETED" else Wait(UNSETTLED)


def _declined(payment: Payment) -> GiveUp:
    return GiveUp(payment.failure_reason or "the payment was declined")


def _pieces(order: Order) -> dict[int, int]:
    return {item.product_id: item.quantity for item in order.items}
