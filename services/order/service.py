"""Operations on orders. But for `place`, each function runs in the caller's transaction, with its events in it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, Protocol
from urllib.parse import quote
from uuid import uuid4

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.messaging.erasure import erased_among
from services.common.messaging.outbox import append
from services.common.runtime.errors import Conflict, Fault, Forbidden, NotFound, Unavailable, Unprocessable
from services.common.storage.database import Database
from services.common.web.idempotency_store import forget_answers
from services.contracts.envelope import ERASED
from services.contracts.events.actions import ActionType, OrderAction
from services.contracts.events.order import OrderCancelled, OrderLine, OrderSnapshot
from services.contracts.money import exact
from services.order.clients import Cart, Profile, Services
from services.order.domain import CANCELLABLE, OrderStatus, Step, check_transition
from services.order.models import Order, OrderItem, Return
from services.order.schemas import NewOrder, OrderOut
from services.order.settings import OrderSettings

PRODUCER = "order"
ERASED_ROWS: Final[Mapping[type[Order | Return], dict[str, str | None]]] = {
    Order: {"shipping_address": None, "cancel_reason": None},
    Return: {"reason": "", "decision_reason": None},
}
"""What the rows of deleted users say instead of the user's address and words."""
TOO_MUCH = 10**12
"""More than a column of money takes."""


class Parts(Protocol):
    """What an order is placed with: the application's state."""

    database: Database
    services: Services
    settings: OrderSettings


class OrderNotFound(NotFound):
    """There is no such order, or it is somebody else's."""

    title = "Order not found"


class CartNotReady(Conflict):
    """The cart is empty, or something in it cannot be bought."""

    title = "Cart not ready"


class NoSuchAddress(Unprocessable):
    """There is nowhere to send it, until the shopper saves an address."""

    title = "No such address"
    is_final = False


class PriceChanged(Conflict):
    """The cart does not cost what the shopper was shown."""

    title = "Price changed"


async def place(parts: Parts, user_id: str, attempt: str, wish: NewOrder) -> OrderOut:
    """Place an order over what is in the cart; the same attempt gets the same order.

    Raises:
        CartNotReady, NoSuchAddress, PriceChanged: see the classes.
        Unavailable: cart, catalog or profile does not answer.
    """
    async with parts.database.sessions() as session:
        known = await session.scalar(select(Order).where(Order.attempt == attempt))
        if known is not None:  # who asked for it died before the answer was kept
            return OrderOut.model_validate(known)
    quoted = quote(user_id, safe="")
    profile = await parts.services.ask(Profile, "profile", "GET", f"/v1/users/{quoted}")
    address = _address((profile.address or {}).get("addresses", []), wish.address_id)
    cart = await parts.services.ask(Cart, "cart", "GET", f"/v1/carts/{quoted}")
    _check(cart, wish.expected_total)
    currency = cart.currency or ""
    lines = [
        OrderItem(
            product_id=line.product_id,
            quantity=line.quantity,
            price=exact(line.product_price, currency),
            amount=exact(line.amount, currency),
            product_name=line.product_name,
        )
        for line in cart.items
    ]
    order = Order(
        attempt=attempt,
        user_id=user_id,
        currency=currency,
        total_amount=exact(cart.total, currency),
        status=OrderStatus.PENDING,
        shipping_address=address,
        payment_method=wish.payment_method,
        payment_id=uuid4(),
        payment_token=wish.payment_token,
        return_url=wish.return_url,
        pay_by=datetime.now(UTC) + parts.settings.hold(wish.payment_method),
        step=Step.RESERVE,
        items=lines,
    )
    async with parts.database.sessions.begin() as session:
        if await erased_among(session, [user_id]):
            raise Forbidden("This account was deleted.")
        session.add(order)
        await session.flush()
        await append(session, PRODUCER, "ORDER_CREATED", _snapshot(order))
        return OrderOut.model_validate(order)


async def confirm(session: AsyncSession, order: Order) -> None:
    """The order is paid."""
    _become(order, OrderStatus.CONFIRMED)
    order.confirmed_at = datetime.now(UTC)
    order.payment_token = order.return_url = None
    await session.flush()
    await append(session, PRODUCER, "ORDER_COMPLETED", _snapshot(order))
    await tell(session, ActionType.ORDER_COMPLETE, order)


async def cancel(session: AsyncSession, order: Order, reason: str) -> None:
    """Cancel an order that was not shipped; its saga goes on with undoing it.

    Raises:
        IllegalTransition: it was shipped, or cancelled before.
    """
    _become(order, OrderStatus.CANCELLED)
    order.cancelled_at, order.cancel_reason = datetime.now(UTC), reason
    order.payment_token = order.return_url = order.action_url = None
    order.step, order.due_at, order.tries = Step.GIVE_BACK, datetime.now(UTC), 0
    await session.flush()
    told = OrderCancelled(order_id=order.id, user_id=order.user_id, reason=reason)
    await append(session, PRODUCER, "ORDER_CANCELLED", told)
    await tell(session, ActionType.ORDER_CANCEL, order, reason=reason)


async def advance(session: AsyncSession, order: Order, to: OrderStatus) -> None:
    """Pack, ship or deliver an order.

    Raises:
        IllegalTransition: it is not at that point.
    """
    _become(order, to)
    if to is OrderStatus.SHIPPED:
        order.shipped_at = datetime.now(UTC)
    if to is OrderStatus.DELIVERED:
        order.delivered_at = datetime.now(UTC)
    await session.flush()


async def locked(session: AsyncSession, order_id: int) -> Order:
    """An order that nobody else changes until the transaction ends.

    Raises:
        OrderNotFound: there is none.
    """
    order = await session.get(Order, order_id, with_for_update=True, populate_existing=True)
    if order is None:
        raise OrderNotFound(f"There is no order {order_id}.")
    return order


async def wake(session: AsyncSession, order_ids: Sequence[int]) -> None:
    """There is news of the payments of these orders, or of their refunds."""
    of_orders = Order.id.in_(order_ids), Order.step.in_([Step.AWAIT_PAYMENT, Step.CAPTURE, Step.GIVE_BACK])
    of_returns = Return.order_id.in_(order_ids), Return.step == Step.REFUND
    for waiting in (update(Order).where(*of_orders), update(Return).where(*of_returns)):
        await session.execute(waiting.values(due_at=datetime.now(UTC)).execution_options(synchronize_session=False))


async def erase(session: AsyncSession, user_ids: list[str]) -> None:
    """Keep the orders of deleted users, as the law wants, without saying whose they were, where to, or why.

    Those that were not shipped are cancelled, and what was paid is given back: there is nowhere to send them any more.
    """
    for user_id in user_ids:
        ids = (await session.scalars(select(Order.id).where(Order.user_id == user_id).with_for_update())).all()
        nobody = f"{ERASED}{uuid4()}"
        for table, values in ERASED_ROWS.items():
            is_theirs = (Order.id if table is Order else Return.order_id).in_(ids)
            changing = update(table).where(is_theirs).values({"user_id": nobody, **values})
            await session.execute(changing.execution_options(synchronize_session=False))
        unsent = select(Order).where(Order.id.in_(ids), Order.status.in_(CANCELLABLE))
        for order in (await session.scalars(unsent.execution_options(populate_existing=True))).all():
            await cancel(session, order, "the account was deleted")
    await forget_answers(session, user_ids)


async def tell(
    session: AsyncSession, action: ActionType, order: Order, *, reason: str | None = None, return_id: int | None = None
) -> None:
    """Append an action of the order's owner."""
    facts = OrderAction(user_id=order.user_id, order_id=order.id, return_id=return_id, action_reason=reason)
    await append(session, PRODUCER, action, facts)


def _become(order: Order, status: OrderStatus) -> None:
    check_transition(f"The order {order.id}", OrderStatus(order.status), status)
    order.status = status


def _snapshot(order: Order) -> OrderSnapshot:
    lines = [
        OrderLine(
            product_id=item.product_id,
            quantity=item.quantity,
            price=item.price,
            amount=item.amount,
            product_name=item.product_name,
        )
        for item in order.items
    ]
    return OrderSnapshot(
        order_id=order.id,
        user_id=order.user_id,
        currency=order.currency,
        items=lines,
        total_amount=exact(order.total_amount, order.currency),
    )


def _address(addresses: list[dict[str, Any]], wanted: str | None) -> dict[str, Any]:
    for address in addresses:
        if address["id"] == wanted or (wanted is None and address["isDefault"]):
            return address
    message = "is no address of yours" if wanted else "is needed: save an address in your profile first"
    raise NoSuchAddress("There is nowhere to send it.", errors=[Fault(field="body.addressId", message=message)])


def _check(cart: Cart, expected: Decimal | None) -> None:
    if cart.stale:
        raise Unavailable("Prices and stock cannot be looked up at the moment; try again soon.")
    if not cart.can_be_bought:
        faults = [
            Fault(field=f"cart.items.{place}", message=f"{line.product_name}: {line.obstacle}")
            for place, line in enumerate(cart.items)
            if line.obstacle
        ]
        raise CartNotReady("Change the cart first." if faults else "The cart is empty.", errors=faults)
    if not 0 < cart.total < TOO_MUCH:
        raise CartNotReady(f"An order is over more than nothing, and less than {TOO_MUCH:,}: not over {cart.total:,}.")
    if expected is not None and expected != cart.total:
        raise PriceChanged(f"The cart costs {cart.total} {cart.currency} now, not {expected}.")
