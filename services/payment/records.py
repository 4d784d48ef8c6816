"""What is committed of payments and refunds: each function runs in the caller's transaction, with its events in it."""

import logging
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.messaging.outbox import append
from services.contracts.envelope import ERASED
from services.contracts.events.payment import PaymentAuthorized, PaymentSettled, RefundCompleted
from services.contracts.payments import CANCELLED, id_of_refund
from services.payment.domain import STATUS, Goal, PaymentStatus, RefundStatus, Stage, Step, leads_on, step_to
from services.payment.errors import IllegalTransition, RefundTooLarge
from services.payment.models import Payment, Refund
from services.payment.provider import Outcome, RefundOutcome

logger = logging.getLogger(__name__)
PRODUCER = "payment"
LATE_MONEY = "paid after the payment was given up"
FIRST_CHECK, LONGEST_PAUSE = timedelta(seconds=2), timedelta(minutes=10)
ANSWER_AFTER = timedelta(seconds=15)
"""Longer than a call of a provider takes: until then nobody else repeats it."""
OVER = frozenset({RefundStatus.COMPLETED, RefundStatus.FAILED})


def begin(payment: Payment, done: Collection[Step] = ()) -> Step | None:
    """The next step, unless it is done: whoever finds the payment after a death of ours knows of it."""
    step = step_to(Stage(payment.stage), Goal(payment.goal))
    if step is None or step in done:
        return None
    if step is not Step.ASK:
        payment.unsettled_step = step
    payment.next_check_at = unanswered_until()
    return step


async def apply(session: AsyncSession, payment: Payment, outcome: Outcome | None) -> None:
    """Write what the provider has done, and tell of it; what is no news changes nothing but the next look."""
    if payment.stage == Stage.NEW:
        payment.status = PaymentStatus.PROCESSING
    if outcome is not None:
        payment.unsettled_step = None
        payment.external_payment_id = payment.external_payment_id or outcome.external_id
        payment.payment_intent_id = payment.payment_intent_id or outcome.intent_id
        if leads_on(Stage(payment.stage), outcome.stage):
            payment.stage, payment.status = outcome.stage, STATUS.get(outcome.stage, PaymentStatus.PROCESSING)
            payment.failure_reason = outcome.failure_reason
            payment.checks = 0
            if outcome.stage is Stage.CAPTURED:
                payment.captured_amount = payment.amount
                if payment.goal == Goal.CANCEL:  # money that came too late
                    late = {"id": id_of_refund(payment.id, CANCELLED), "amount": payment.amount, "reason": LATE_MONEY}
                    late |= {"status": RefundStatus.PENDING, "next_check_at": unanswered_until()}
                    session.add(Refund(payment_id=payment.id, **late))
            if outcome.stage in (Stage.CAPTURED, Stage.DECLINED, Stage.VOIDED):
                payment.processed_at = datetime.now(UTC)
            await session.flush()
            await _tell(session, payment)
        if payment.stage == outcome.stage:
            payment.action_url = outcome.action_url
    is_waiting = outcome is None or step_to(Stage(payment.stage), Goal(payment.goal)) is not None
    payment.next_check_at = _later(payment.checks) if is_waiting else None
    payment.checks += is_waiting


async def check_refund(session: AsyncSession, payment: Payment, amount: Decimal) -> None:
    """Whether so much can be given back.

    Raises:
        IllegalTransition, RefundTooLarge: see the classes.
    """
    if payment.stage != Stage.CAPTURED:
        raise IllegalTransition(f"The payment is {payment.status}: nothing was captured.")
    counted = Refund.payment_id == payment.id, Refund.status != RefundStatus.FAILED
    given = await session.scalar(select(func.coalesce(func.sum(Refund.amount), 0)).where(*counted)) or Decimal(0)
    if given + amount > payment.captured_amount:
        left = payment.captured_amount - given
        raise RefundTooLarge(f"Of {payment.captured_amount} {payment.currency}, {left} can be refunded.")


async def apply_refund(session: AsyncSession, payment: Payment, refund: Refund, outcome: RefundOutcome) -> None:
    """Write what the provider has done of a refund, and tell of it."""
    if refund.status in OVER:
        return
    refund.status = outcome.status
    refund.external_refund_id = refund.external_refund_id or outcome.external_id
    refund.failure_reason = outcome.failure_reason
    if outcome.status not in OVER:
        refund.next_check_at = _later(refund.checks)
        refund.checks += 1
        return
    refund.next_check_at, refund.processed_at = None, datetime.now(UTC)
    await session.flush()
    if outcome.status is RefundStatus.FAILED:
        logger.error("the refund %s has failed, and has to be made by hand: %s", refund.id, refund.failure_reason)
    else:
        payment.refunded_amount += refund.amount
        if payment.refunded_amount == payment.captured_amount:
            payment.status = PaymentStatus.REFUNDED
        told = RefundCompleted(refund_id=refund.id, payment_id=payment.id, amount=refund.amount, **_whose(payment))
        await append(session, PRODUCER, "REFUND_COMPLETED", told)


async def erase(session: AsyncSession, user_ids: list[str]) -> None:
    """Keep the payments of deleted users, as the law wants, without saying whose they were."""
    for user_id in user_ids:
        nobody = {"user_id": f"{ERASED}{uuid4()}", "payment_details": None, "action_url": None}
        await session.execute(update(Payment).where(Payment.user_id == user_id).values(nobody))


async def _tell(session: AsyncSession, payment: Payment) -> None:
    facts: dict[str, Any] = {"payment_id": payment.id, "amount": payment.amount, **_whose(payment)}
    if payment.stage == Stage.AUTHORISED and payment.goal != Goal.CANCEL:
        await append(session, PRODUCER, "PAYMENT_AUTHORIZED", PaymentAuthorized(**facts))
    elif payment.stage in (Stage.CAPTURED, Stage.DECLINED) or payment.failure_reason:  # voided, for it cannot be taken
        event = "PAYMENT_COMPLETED" if payment.stage == Stage.CAPTURED else "PAYMENT_FAILED"
        await append(session, PRODUCER, event, PaymentSettled(**facts, failure_reason=payment.failure_reason))


def _whose(payment: Payment) -> dict[str, Any]:
    return {"order_id": payment.order_id, "user_id": payment.user_id, "currency": payment.currency}


def unanswered_until() -> datetime:
    """When a call that begins now is looked for, if it has no answer by then."""
    return datetime.now(UTC) + ANSWER_AFTER


def _later(checks: int) -> datetime:
    """Twice as long from look to look."""
    longer: int = 2 ** min(checks, 20)
    return datetime.now(UTC) + min(FIRST_CHECK * longer, LONGEST_PAUSE)
