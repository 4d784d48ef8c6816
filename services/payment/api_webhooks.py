"""What providers tell of their own accord, and what the shopper does at the local one."""

import time
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import Path, Request

from services.common.identity.policy import PUBLIC, USER
from services.common.identity.principal import Principal
from services.common.runtime.errors import problems
from services.common.web.routing import Router
from services.payment import queries
from services.payment.provider_local import LocalProvider
from services.payment.schemas import LocalAction, PaymentOut
from services.payment.service import PaymentNotFound, Payments

router = Router(tags=["payments"])
MOST_BYTES = 64 * 1024
ProviderName = Annotated[str, Path(pattern=r"^[a-z]{1,20}$")]
Caller = Annotated[Principal, USER]


@router.post(
    "/v1/webhooks/{provider}",
    status_code=204,
    dependencies=[PUBLIC],
    responses=problems(400, 404),
    max_body_size=MOST_BYTES,
)
async def take_webhook(provider: ProviderName, request: Request) -> None:
    """A provider's event: it says that there is news of a payment, and the provider is asked what it is."""
    payments: Payments = request.app.state.payments
    sender = payments.provider(provider)
    await payments.notice(sender, sender.read_webhook(request.headers, await request.body(), datetime.now(UTC)))


@router.post("/v1/local-payments/{paymentId}/action", responses=problems(400, 404))
async def act_locally(
    payment_id: Annotated[UUID, Path(alias="paymentId")], body: LocalAction, request: Request, caller: Caller
) -> PaymentOut:
    """What the shopper would do at the provider: approve the payment, or refuse it. Of the local provider alone."""
    payments: Payments = request.app.state.payments
    async with request.app.state.database.sessions() as session:
        payment = await queries.one_payment(session, payment_id)
    is_own = payment is not None and payment.user_id == caller.subject and payment.provider == LocalProvider.name
    if payment is None or not is_own or payment.external_payment_id is None:
        raise PaymentNotFound(f"There is no payment {payment_id} at the local provider.")
    provider = payments.provider(LocalProvider.name)
    assert isinstance(provider, LocalProvider)
    await provider.act(payment.external_payment_id, is_approved=body.approve)
    headers, content = provider.sign(f"action-{uuid4()}", payment.external_payment_id, time.time())
    await payments.notice(provider, provider.read_webhook(headers, content, datetime.now(UTC)))
    async with request.app.state.database.sessions() as session:
        return PaymentOut.of(await session.get_one(type(payment), payment_id))
