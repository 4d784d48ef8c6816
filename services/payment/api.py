"""Payments and refunds, whose ids are the order service's, so that its calls may be repeated; webhooks of providers."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Path, Request

from services.common.identity.policy import PUBLIC, USER, owner, service, user
from services.common.identity.principal import Principal
from services.common.runtime.errors import problems
from services.common.storage.database import Session
from services.common.storage.latest import latest
from services.common.web.fields import UserId
from services.common.web.paging import CursorParam, LimitParam, decode_cursor
from services.common.web.routing import Router
from services.payment.domain import Goal
from services.payment.errors import PaymentNotFound
from services.payment.models import Payment
from services.payment.provider_local import LocalProvider
from services.payment.schemas import LocalAction, NewPayment, NewRefund, PaymentOut, PaymentPage, RefundOut
from services.payment.service import Payments

router = Router(tags=["payments"])
ORDERS = service("order")
ProviderName = Annotated[str, Path(pattern=r"^[a-z]{1,20}$")]
PaymentId = Annotated[UUID, Path(alias="paymentId")]


@router.put("/v1/payments/{paymentId}", dependencies=[ORDERS], responses=problems(409))
async def make_payment(payment_id: PaymentId, body: NewPayment, request: Request) -> PaymentOut:
    """Make a payment, and authorise it as far as that goes without the shopper.

    PROCESSING means that the shopper has to act (`actionUrl`), or that the provider has not answered: then it is asked
    until it has.
    """
    return PaymentOut.model_validate(await _payments(request).make(payment_id, body.charge(payment_id), body.user_id))


@router.post("/v1/payments/{paymentId}/capture", dependencies=[ORDERS], responses=problems(404, 409))
async def capture_payment(payment_id: PaymentId, request: Request) -> PaymentOut:
    """Take the authorised money."""
    return PaymentOut.model_validate(await _payments(request).want(payment_id, Goal.CAPTURE))


@router.post("/v1/payments/{paymentId}/cancel", dependencies=[ORDERS], responses=problems(404, 409))
async def cancel_payment(payment_id: PaymentId, request: Request) -> PaymentOut:
    """Give up a payment that was not captured; money that comes later is refunded."""
    return PaymentOut.model_validate(await _payments(request).want(payment_id, Goal.CANCEL))


@router.get("/v1/payments/{paymentId}", responses=problems(404))
async def read_payment(
    payment_id: PaymentId,
    session: Session,
    caller: Annotated[Principal, user(services=("order",))],
) -> PaymentOut:
    """A payment, for its payer and for operators."""
    payment = await session.get(Payment, payment_id)
    is_shown = caller.is_service or "operator" in caller.roles or (payment and payment.user_id == caller.subject)
    if payment is None or not is_shown:
        raise PaymentNotFound(f"There is no payment {payment_id}.")
    return PaymentOut.model_validate(payment)


@router.get("/v1/users/{userId}/payments", dependencies=[owner("operator", services=("profile",))])
async def list_payments(
    user_id: Annotated[UserId, Path(alias="userId")],
    session: Session,
    cursor: CursorParam = None,
    limit: LimitParam = 50,
) -> PaymentPage:
    """A user's payments, the latest first."""
    order, after = (Payment.created_at, Payment.id), decode_cursor(cursor, datetime, UUID)
    rows = await latest(session, Payment, Payment.user_id == user_id, order, after, limit + 1)
    return PaymentPage.of(rows, limit, "created_at", "id")


@router.put("/v1/refunds/{refundId}", dependencies=[ORDERS], responses=problems(404, 409))
async def refund(refund_id: Annotated[UUID, Path(alias="refundId")], body: NewRefund, request: Request) -> RefundOut:
    """Give money back; 409 if that is more than was captured and not given back yet."""
    row = await _payments(request).refund(refund_id, body.payment_id, body.amount, body.currency, body.reason)
    return RefundOut.of(row, body.currency)


@router.post(
    "/v1/webhooks/{provider}",
    status_code=204,
    dependencies=[PUBLIC],
    responses=problems(400, 404, 503),
    max_body_size=64 * 1024,
)
async def take_webhook(provider: ProviderName, request: Request) -> None:
    """A provider's event: it says that there is news of a payment, and the provider is asked what it is."""
    payments = _payments(request)
    sender = payments.provider(provider)
    await payments.notice(sender, await sender.read_webhook(request.headers, await request.body()))


@router.post("/v1/local-payments/{paymentId}/action", responses=problems(400, 404))
async def act_locally(
    payment_id: PaymentId, body: LocalAction, request: Request, session: Session, caller: Annotated[Principal, USER]
) -> PaymentOut:
    """What the shopper would do at the provider: approve the payment, or refuse it. Where all is a trial."""
    payments, payment = _payments(request), await session.get(Payment, payment_id)
    if payment is not None and payment.user_id == caller.subject and payment.external_payment_id is not None:
        provider = payments.provider(payment.provider)
        if isinstance(provider, LocalProvider) and provider.is_trial:
            await provider.act(payment.external_payment_id, is_approved=body.approve)
            return PaymentOut.model_validate(await payments.look(payment_id))
    raise PaymentNotFound(f"There is no payment {payment_id} that is only tried out.")


def _payments(request: Request) -> Payments:
    payments: Payments = request.app.state.payments
    return payments
