"""Returns: each function runs in the caller's transaction, and appends its events to it."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.messaging.outbox import append
from services.common.runtime.errors import Conflict, Fault, NotFound, Unprocessable
from services.contracts.events.actions import ActionType
from services.contracts.events.order import ReturnLine, ReturnSnapshot
from services.order import service
from services.order.domain import OrderStatus, ReturnStatus, Step, check_transition
from services.order.models import Order, Return, ReturnItem

PRODUCER = "order"


class ReturnNotFound(NotFound):
    """There is no such return."""

    title = "Return not found"


class NotReturnable(Conflict):
    """The order is not with the shopper."""

    title = "Not returnable"


async def request(session: AsyncSession, order: Order, wanted: Mapping[int, int], reason: str, attempt: str) -> Return:
    """Ask to send products back; the same attempt gets the same return.

    Raises:
        NotReturnable: the order was not delivered, or all of it came back.
        Unprocessable: more is to come back than the shopper has.
    """
    known = await session.scalar(select(Return).where(Return.attempt == attempt))
    if known is not None:
        return known
    if order.status != OrderStatus.DELIVERED:
        raise NotReturnable(f"The order is {order.status}: only what was delivered can come back.")
    taken = await _quantities(
        session, order.id, {ReturnStatus.REQUESTED, ReturnStatus.APPROVED, ReturnStatus.COMPLETED}
    )
    bought = {item.product_id: item.quantity for item in order.items}
    faults = [
        Fault(field=f"body.items.{place}.quantity", message=f"at most {bought.get(product_id, 0) - taken[product_id]}")
        for place, (product_id, quantity) in enumerate(wanted.items())
        if quantity > bought.get(product_id, 0) - taken[product_id]
    ]
    if faults:
        raise Unprocessable("More is to come back than there is.", errors=faults)
    items = [ReturnItem(product_id=product_id, quantity=quantity) for product_id, quantity in wanted.items()]
    back = Return(
        attempt=attempt,
        order=order,
        user_id=order.user_id,
        status=ReturnStatus.REQUESTED,
        reason=reason,
        items=items,
    )
    session.add(back)
    await session.flush()
    await append(session, PRODUCER, "RETURN_REQUESTED", _snapshot(back))
    await service.tell(session, ActionType.ORDER_RETURN_REQUEST, order, reason=reason, return_id=back.id)
    return back


async def decide(session: AsyncSession, return_id: int, status: ReturnStatus, reason: str | None) -> Return:
    """Approve or reject a return.

    Raises:
        ReturnNotFound, IllegalTransition: see the classes.
    """
    back = await locked(session, return_id)
    check_transition(f"The return {return_id}", ReturnStatus(back.status), status)
    back.status, back.decision_reason = status, reason
    await session.flush()
    return back


async def receive(session: AsyncSession, return_id: int) -> Return:
    """The products are back: they are refunded and restocked, and then the return is complete.

    Raises:
        ReturnNotFound, IllegalTransition: see the classes.
    """
    back = await locked(session, return_id)
    if back.step is not None or back.status == ReturnStatus.COMPLETED:
        return back
    check_transition(f"The return {return_id}", ReturnStatus(back.status), ReturnStatus.COMPLETED)
    order = await service.locked(session, back.order_id)
    prices = {item.product_id: item.price for item in order.items}
    back.refund_amount = sum((prices[item.product_id] * item.quantity for item in back.items), Decimal(0))
    back.step, back.due_at, back.tries = Step.REFUND, datetime.now(UTC), 0
    await session.flush()
    return back


async def complete(session: AsyncSession, back: Return) -> None:
    """What came back is refunded and restocked; when nothing is left, the order is RETURNED."""
    check_transition(f"The return {back.id}", ReturnStatus(back.status), ReturnStatus.COMPLETED)
    back.status, back.completed_at = ReturnStatus.COMPLETED, datetime.now(UTC)
    await session.flush()
    order = await service.locked(session, back.order_id)
    returned = await _quantities(session, order.id, {ReturnStatus.COMPLETED})
    if all(returned[item.product_id] >= item.quantity for item in order.items):
        await service.advance(session, order, OrderStatus.RETURNED)
    await append(session, PRODUCER, "RETURN_COMPLETED", _snapshot(back))
    await service.tell(session, ActionType.ORDER_RETURN_COMPLETE, order, reason=back.reason or None, return_id=back.id)


async def locked(session: AsyncSession, return_id: int) -> Return:
    """A return that nobody else changes until the transaction ends.

    Raises:
        ReturnNotFound: there is none.
    """
    back = await session.get(Return, return_id, with_for_update=True)
    if back is None:
        raise ReturnNotFound(f"There is no return {return_id}.")
    return back


async def _quantities(session: AsyncSession, order_id: int, statuses: set[ReturnStatus]) -> Counter[int]:
    """Pieces by product in an order's returns with one of these statuses."""
    query = select(ReturnItem.product_id, func.sum(ReturnItem.quantity)).join(Return)
    query = query.where(Return.order_id == order_id, Return.status.in_(statuses)).group_by(ReturnItem.product_id)
    return Counter({product_id: int(pieces) for product_id, pieces in await session.execute(query)})


def _snapshot(back: Return) -> ReturnSnapshot:
    return ReturnSnapshot(
        return_id=back.id,
        order_id=back.order_id,
        user_id=back.user_id,
        reason=back.reason or None,
        items=[ReturnLine(product_id=item.product_id, quantity=item.quantity) for item in back.items],
    )
