"""Returns: asked for by shoppers, decided and received by operators."""

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
from services.order import returns, service
from services.order.api import Caller, OrderId, attempt_of, own
from services.order.domain import ReturnStatus
from services.order.models import Order, Return
from services.order.schemas import Decision, NewReturn, ReturnOut, ReturnPage

router = Router(tags=["returns"])
ReturnId = Annotated[PathId, Path(alias="returnId")]
DECIDES = [role("operator"), REQUIRES_KEY]
CHANGED = problems(404, 409)


@router.post("/v1/orders/{orderId:int}/returns", status_code=201, dependencies=[USER], responses=CHANGED)
async def request_return(
    order_id: OrderId, body: NewReturn, session: Session, caller: Caller, claim: Annotated[Claim, REQUIRES_KEY]
) -> ReturnOut:
    """Ask to send back what was delivered, line by line."""
    order = own(await service.locked(session, order_id), order_id, caller)
    return _shown(await returns.request(session, order, body.wanted(), body.reason, attempt_of(claim)))


@router.get("/v1/orders/{orderId:int}/returns", responses=problems(404))
async def list_returns(
    order_id: OrderId,
    session: Session,
    caller: Annotated[Principal, user()],
    cursor: CursorParam = None,
    limit: LimitParam = 20,
) -> ReturnPage:
    """The returns of an order, the latest first."""
    own(await session.get(Order, order_id), order_id, caller)
    after = decode_cursor(cursor, int)
    rows = await latest(session, Return, Return.order_id == order_id, (Return.id,), after, limit + 1)
    return ReturnPage.of([_shown(row) for row in rows], limit, "id")


@router.get("/v1/users/{userId}/returns", dependencies=[owner("operator", services=("profile",))])
async def list_returns_of_user(
    user_id: Annotated[UserId, Path(alias="userId")],
    session: Session,
    cursor: CursorParam = None,
    limit: LimitParam = 20,
) -> ReturnPage:
    """A user's returns, the latest first."""
    after = decode_cursor(cursor, int)
    rows = await latest(session, Return, Return.user_id == user_id, (Return.id,), after, limit + 1)
    return ReturnPage.of([_shown(row) for row in rows], limit, "id")


@router.post("/v1/returns/{returnId:int}/approve", dependencies=DECIDES, responses=CHANGED)
async def approve_return(return_id: ReturnId, body: Decision, session: Session) -> ReturnOut:
    """The products may come back."""
    return _shown(await returns.decide(session, return_id, ReturnStatus.APPROVED, body.reason))


@router.post("/v1/returns/{returnId:int}/reject", dependencies=DECIDES, responses=CHANGED)
async def reject_return(return_id: ReturnId, body: Decision, session: Session) -> ReturnOut:
    """The products may not come back."""
    return _shown(await returns.decide(session, return_id, ReturnStatus.REJECTED, body.reason))


@router.post("/v1/returns/{returnId:int}/receive", dependencies=DECIDES, responses=CHANGED)
async def receive_return(return_id: ReturnId, request: Request, session: Session) -> ReturnOut:
    """The products are back: they are refunded and restocked, then the return is COMPLETED."""
    back = await returns.receive(session, return_id)
    request.app.state.sagas.wake_after(session)
    return _shown(back)


def _shown(back: Return) -> ReturnOut:
    return ReturnOut.model_validate(back)
