"""Follows payments, so that an order goes on as soon as it is paid."""

from collections.abc import Awaitable, Callable, Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from services.common.messaging.messages import Message
from services.contracts.events.payment import PaymentAuthorized, PaymentSettled, RefundCompleted
from services.order import service

TOPIC = "payment.v1"
NEWS = PaymentAuthorized | PaymentSettled | RefundCompleted


def following(
    wake_after: Callable[[AsyncSession], None],
) -> Callable[[AsyncSession, Sequence[Message]], Awaitable[None]]:
    """The handler that makes waiting orders due; `wake_after` has them looked for."""

    async def follow_payments(session: AsyncSession, messages: Sequence[Message]) -> None:
        payloads = [message.payload for message in messages]
        ids = sorted({told.order_id for told in payloads if isinstance(told, NEWS)})
        if ids:
            await service.wake(session, ids)
            wake_after(session)

    return follow_payments
