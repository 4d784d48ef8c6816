"""Orders: placed by shoppers over their carts, packed and shipped by operators."""

from hashlib import sha256
from typing import Annotated

from fastapi import Path, Request

from services.common.identity.policy import USER, owner, role, user
from services.common.identity.principal import Principal
from services.common.runtime.errors import problems
from services.common.storage.database import Session
from services.common.storage.latest import latest
from services.common.web.fields import PathId, UserId
from services.common.web.idempotency import REQUIRES_KEY
from services.common.web.idempotency_store import Claim
from services.common.web.paging import CursorParam, LimitParam, decode_cursor
from services.common.web.routing import Router
from services.order import service
from services.order.domain import OrderStatus
from services.order.models import Order
from services.order.schemas import Cancellation, NewOrder, OrderOut, OrderPage
from services.order.service import OrderNotFound

router = Router(tags=["orders"])
OrderId = Annotated[PathId, Path(alias="orderId")]
Caller = Annotated[Principal, USER]
STAFF = frozenset({"operator"})
PACKS = [role("operator"), REQUIRES_KEY]
CHANGED = problems(404, 409)


@router.post("/v1/orders", status_code=201, responses=problems(409))
async def check_out(
    body: NewOrder, request: Request, caller: Caller, claim: Annotated[Claim, REQUIRES_KEY]
) -> OrderOut:
    """Order what is in the cart. It begins as PENDING, and is CONFIRMED once it is paid, or else CANCELLED.

    Prices are those of now, totals the server's. Ask for the order, or follow `order.v1`, to see what becomes of it.
    """
    order = await service.place(request.app.state, caller.subject, attempt_of(claim), body)
    request.app.state.sagas.wake()
    return order


@router.get("/v1/orders")
async def list_own_orders(
    session: Session, caller: Caller, cursor: CursorParam = None, limit: LimitParam = 20
) -> OrderPage:
    """The caller's orders, the latest first."""
    return await _page(session, caller.subject, cursor, limit)


@router.get("/v1/users/{userId}/orders", dependencies=[owner("operator", services=("profile",))])
async def list_orders(
    user_id: Annotated[UserId, Path(alias="userId")],
    session: Session,
    cursor: CursorParam = None,
    limit: LimitParam = 20,
) -> OrderPage:
    """A user's orders, the latest first."""
    return await _page(session, user_id, cursor, limit)


@router.get("/v1/orders/{orderId:int}", responses=problems(404))
async def read_order(order_id: OrderId, session: Session, caller: Annotated[Principal, user()]) -> OrderOut:
    """An order, for whom it belongs to and for operators."""
    return _shown(own(await session.get(Order, order_id), order_id, caller))


@router.post("/v1/orders/{orderId:int}/cancel", dependencies=[REQUIRES_KEY], responses=CHANGED)
async def cancel_order(
    order_id: OrderId, body: Cancellation, request: Request, session: Session, caller: Caller
) -> OrderOut:
    """Cancel an order that was not shipped; what was paid is given back."""
    order = own(await service.locked(session, order_id), order_id, caller)
    await service.cancel(session, order, body.reason)
    request.app.state.sagas.wake_after(session)
    return _shown(order)


@router.post("/v1/orders/{orderId:int}/pack", dependencies=PACKS, responses=CHANGED)
async def pack_order(order_id: OrderId, session: Session) -> OrderOut:
    """Begin to pack a CONFIRMED order: it is PROCESSING."""
    return await _advanced(session, order_id, OrderStatus.PROCESSING)


@router.post("/v1/orders/{orderId:int}/ship", dependencies=PACKS, responses=CHANGED)
async def ship_order(order_id: OrderId, session: Session) -> OrderOut:
    """The order has left the house."""
    return await _advanced(session, order_id, OrderStatus.SHIPPED)


@router.post("/v1/orders/{orderId:int}/deliver", dependencies=PACKS, responses=CHANGED)
async def deliver_order(order_id: OrderId, session: Session) -> OrderOut:
    """The order is with the shopper."""
    return await _advanced(session, order_id, OrderStatus.DELIVERED)


def attempt_of(claim: Claim) -> str:
    """The name of a request, the same if it is repeated, that does not tell whose it is."""
    return sha256(f"{claim.scope} {claim.key}".encode()).hexdigest()


def own(order: Order | None, order_id: int, caller: Principal) -> Order:
    """The order, if the caller may see it.

    Raises:
        OrderNotFound: there is none, or it is somebody else's.
    """
    if order is None or not (order.user_id == caller.subject or STAFF & caller.roles):
        raise OrderNotFound(f"There is no order {order_id}.")
    return order


async def _page(session: Session, user_id: str, cursor: str | None, limit: int) -> OrderPage:
    rows = await latest(session, Order, Order.user_id == user_id, (Order.id,), decode_cursor(cursor, int), limit + 1)
    return OrderPage.of([_shown(row) for row in rows], limit, "id")


async def _advanced(session: Session, order_id: int, to: OrderStatus) -> OrderOut:
    order = await service.locked(session, order_id)
    await service.advance(session, order, to)
    return _shown(order)


def _shown(order: Order) -> OrderOut:
    return OrderOut.model_validate(order)
