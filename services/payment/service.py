"""Payments and refunds: what is wanted is committed first, then the provider is asked, then its answer is committed.

A call without an answer leaves the payment as it is, with the step that is unsettled: the reconciler repeats it with
the same idempotency key. So a death at any moment loses nothing, and nothing is done twice.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.messaging.outbox import append
from services.common.runtime.errors import Conflict, NotFound, Unprocessable
from services.common.storage.database import Database
from services.contracts.events.payment import PaymentAuthorized, PaymentSettled, RefundCompleted
from services.payment.domain import (
    STATUS,
    Goal,
    PaymentMethod,
    PaymentStatus,
    RefundStatus,
    Stage,
    Step,
    leads_on,
    step_to,
)
from services.payment.models import GivenUp, Payment, Refund, Webhook
from services.payment.provider import Charge, Notice, Outcome, OutcomeUnknownError, Provider, RefundOutcome
from services.payment.vault import Vault

PRODUCER = "payment"
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:id, 13))")
LATE_MONEY = "paid after the payment was given up"
FIRST_CHECK, LONGEST_PAUSE = timedelta(seconds=2), timedelta(minutes=10)
ANSWER_AFTER = timedelta(seconds=15)
"""Longer than a call of a provider takes: until then nobody else repeats it."""


class PaymentNotFound(NotFound):
    """There is no such payment, or it is somebody else's."""

    title = "Payment not found"


class NotConfigured(Unprocessable):
    """The shop takes no payments of this method."""

    title = "Payment method not configured"


class IllegalTransition(Conflict):
    """The payment is not in a state for that."""

    title = "Illegal transition"


class RefundTooLarge(Conflict):
    """More would be given back than was taken."""

    title = "Refund too large"


class Payments:
    """The payments of a shop.

    Args:
        database: where they are.
        providers: by method; a method that is not here is not configured.
        vault: encrypts the details.
    """

    def __init__(self, database: Database, providers: Mapping[PaymentMethod, Provider], vault: Vault) -> None:
        self._sessions = database.sessions
        self._providers = providers
        self._by_name = {each.name: each for each in providers.values()}
        self._vault = vault

    def provider(self, name: str) -> Provider:
        """The provider of this name.

        Raises:
            NotFound: it is not configured.
        """
        if name not in self._by_name:
            raise NotFound(f"There is no provider {name}.")
        return self._by_name[name]

    async def make(self, payment_id: UUID, charge: Charge, user_id: str) -> Payment:
        """Make a payment and authorise it as far as that goes without the shopper; a repetition goes on.

        Raises:
            NotConfigured: there is no provider for the method.
            IllegalTransition: there is a payment of this id over something else.
        """
        provider = self._providers.get(charge.method)
        if provider is None:
            raise NotConfigured(f"This shop is not configured for {charge.method}; choose another method.")
        details = {"token": charge.token, "returnUrl": charge.return_url}
        row = {
            "id": payment_id,
            "order_id": charge.order_id,
            "user_id": user_id,
            "amount": charge.amount,
            "currency": charge.currency,
            "payment_method": charge.method,
            "status": PaymentStatus.PENDING,
            "provider": provider.name,
            "stage": Stage.NEW,
            "goal": Goal.AUTHORISE,
            "payment_details": self._vault.seal(details, str(payment_id)),
            "next_check_at": datetime.now(UTC) + ANSWER_AFTER,
        }
        async with self._sessions.begin() as session:
            await session.execute(_LOCK, {"id": str(payment_id)})
            if await session.get(GivenUp, payment_id) is not None:
                raise IllegalTransition(f"The payment {payment_id} was given up before it was made.")
            await session.execute(insert(Payment).values(row).on_conflict_do_nothing())
            payment = await session.get_one(Payment, payment_id)
            known = payment.order_id, payment.user_id, payment.amount, payment.currency
        if known != (charge.order_id, user_id, charge.amount, charge.currency):
            raise IllegalTransition(f"The payment {payment_id} is over another order or amount.")
        return await self.go_on(payment_id)

    async def want(self, payment_id: UUID, goal: Goal) -> Payment:
        """Capture or cancel a payment, as far as that goes now.

        Raises:
            PaymentNotFound, IllegalTransition: see the classes.
        """
        if goal is Goal.CANCEL:
            await self._forbid_unmade(payment_id)
        async with self._locked(payment_id) as (_, payment):
            ends = {Goal.CAPTURE: {Stage.DECLINED, Stage.VOIDED}, Goal.CANCEL: {Stage.CAPTURED}}
            is_given_up = payment.goal == Goal.CANCEL and goal is Goal.CAPTURE
            if Stage(payment.stage) in ends.get(goal, set()) or is_given_up:
                raise IllegalTransition(f"The payment is {payment.status}, which {goal} does not lead from.")
            payment.goal = goal
            payment.next_check_at = datetime.now(UTC) + ANSWER_AFTER
        return await self.go_on(payment_id)

    async def go_on(self, payment_id: UUID) -> Payment:
        """Do the steps that lead to the goal, each at most once, until one has no answer yet."""
        done: set[Step] = set()
        while True:
            async with self._locked(payment_id) as (_, payment):
                step = step_to(Stage(payment.stage), Goal(payment.goal))
                if step is None or step in done:
                    return payment
                if step is not Step.ASK:
                    payment.unsettled_step = step
                charge = self._charge(payment)
            done.add(step)
            try:
                outcome = await self._call(payment.provider, step, charge)
            except OutcomeUnknownError:
                return await self._unknown(payment_id)
            await self._record(payment_id, outcome)

    async def look(self, payment_id: UUID) -> Payment:
        """Ask the provider what has become of a payment, whatever we know of it, and go on."""
        async with self._locked(payment_id) as (_, payment):
            charge = self._charge(payment)
        if charge.external_id is not None:
            try:
                await self._record(payment_id, await self._call(payment.provider, Step.ASK, charge))
            except OutcomeUnknownError:
                return await self._unknown(payment_id)
        return await self.go_on(payment_id)

    async def due(self, most: int) -> tuple[list[UUID], list[UUID]]:
        """Payments and refunds to look at now; for a while they are not due again."""
        found = []
        async with self._sessions.begin() as session:
            for table in (Payment, Refund):
                late = select(table.id).where(table.next_check_at <= func.now()).order_by(table.next_check_at)
                ids = (await session.scalars(late.limit(most).with_for_update(skip_locked=True))).all()
                later = update(table).where(table.id.in_(ids)).values(next_check_at=datetime.now(UTC) + ANSWER_AFTER)
                await session.execute(later.execution_options(synchronize_session=False))
                found.append(list(ids))
        return found[0], found[1]

    async def refund(self, refund_id: UUID, payment_id: UUID, amount: Decimal, reason: str) -> Refund:
        """Give back a part of what was captured, or all; a repetition goes on.

        Raises:
            PaymentNotFound, RefundTooLarge, IllegalTransition: see the classes.
        """
        async with self._locked(payment_id) as (session, payment):
            known = await session.get(Refund, refund_id)
            if known is None:
                await self._check_refund(session, payment, amount)
                at = datetime.now(UTC) + ANSWER_AFTER
                row = Refund(id=refund_id, payment_id=payment_id, amount=amount, reason=reason, next_check_at=at)
                row.status = RefundStatus.PENDING
                session.add(row)
            elif (known.payment_id, known.amount) != (payment_id, amount):
                raise IllegalTransition(f"The refund {refund_id} is of another payment or amount.")
        return await self.go_on_refunding(refund_id)

    async def go_on_refunding(self, refund_id: UUID) -> Refund:
        """Have the provider give the money back, or find out whether it did."""
        async with self._sessions.begin() as session:
            refund = await session.get_one(Refund, refund_id)
            if refund.status in (RefundStatus.COMPLETED, RefundStatus.FAILED):
                return refund
            payment = await session.get_one(Payment, refund.payment_id)
            charge = self._charge(payment)
        try:
            outcome = await self.provider(payment.provider).refund(charge, refund.amount, f"{refund_id}:refund")
        except OutcomeUnknownError:
            outcome = RefundOutcome(RefundStatus.PROCESSING)
        async with self._locked(refund.payment_id) as (session, payment):
            refund = await session.get_one(Refund, refund_id, with_for_update=True)
            await _apply_refund(session, payment, refund, outcome)
        return refund

    async def notice(self, provider: Provider, notice: Notice) -> None:
        """A genuine webhook: look at its payment, once for each event."""
        async with self._sessions.begin() as session:
            row = insert(Webhook).values(provider=provider.name, event_id=notice.event_id)
            is_new = await session.scalar(row.on_conflict_do_nothing().returning(Webhook.event_id))
            of_it = select(Payment.id).where(Payment.external_payment_id == notice.external_id)
            payment_id = await session.scalar(of_it)
            if is_new is None or payment_id is None:
                return
            due = select(Payment).where(Payment.id == payment_id).with_for_update()
            (await session.scalars(due)).one().next_check_at = datetime.now(UTC)  # if we die before we have looked
            pending = select(Refund.id).where(Refund.payment_id == payment_id, Refund.next_check_at.is_not(None))
            refunds = (await session.scalars(pending)).all()
        await self.look(payment_id)
        for refund_id in refunds:
            await self.go_on_refunding(refund_id)

    async def _forbid_unmade(self, payment_id: UUID) -> None:
        """A payment that is not there yet must not come after it was given up."""
        async with self._sessions.begin() as session:
            await session.execute(_LOCK, {"id": str(payment_id)})
            if await session.get(Payment, payment_id) is None:
                await session.execute(insert(GivenUp).values(id=payment_id).on_conflict_do_nothing())

    @asynccontextmanager
    async def _locked(self, payment_id: UUID) -> AsyncIterator[tuple[AsyncSession, Payment]]:
        async with self._sessions.begin() as session:
            payment = await session.get(Payment, payment_id, with_for_update=True)
            if payment is None:
                raise PaymentNotFound(f"There is no payment {payment_id}.")
            yield session, payment

    def _charge(self, payment: Payment) -> Charge:
        sealed = payment.payment_details
        details = self._vault.open(sealed, str(payment.id)) if sealed else {}
        return Charge(
            str(payment.id),
            payment.order_id,
            payment.amount,
            payment.currency,
            PaymentMethod(payment.payment_method),
            token=details.get("token"),
            return_url=details.get("returnUrl"),
            external_id=payment.external_payment_id,
        )

    async def _call(self, name: str, step: Step, charge: Charge) -> Outcome:
        provider = self.provider(name)
        calls = {
            Step.CREATE: provider.create,
            Step.CONFIRM: provider.confirm,
            Step.CAPTURE: provider.capture,
            Step.CANCEL: provider.cancel,
            Step.ASK: provider.ask,
        }
        return await calls[step](charge, f"{charge.id}:{step}")

    async def _record(self, payment_id: UUID, outcome: Outcome) -> None:
        async with self._locked(payment_id) as (session, payment):
            await _apply(session, payment, outcome)
        if payment.goal == Goal.CANCEL and payment.stage == Stage.CAPTURED:  # money that came too late
            await self.refund(uuid5(payment_id, "late"), payment_id, payment.amount, LATE_MONEY)

    async def _unknown(self, payment_id: UUID) -> Payment:
        async with self._locked(payment_id) as (_, payment):
            payment.status = PaymentStatus.PROCESSING
            payment.next_check_at = _later(payment.checks)
            payment.checks += 1
            return payment

    async def _check_refund(self, session: AsyncSession, payment: Payment, amount: Decimal) -> None:
        if payment.stage != Stage.CAPTURED:
            raise IllegalTransition(f"The payment is {payment.status}: nothing was captured.")
        counted = Refund.payment_id == payment.id, Refund.status != RefundStatus.FAILED
        given = await session.scalar(select(func.coalesce(func.sum(Refund.amount), 0)).where(*counted)) or Decimal(0)
        if given + amount > payment.captured_amount:
            left = payment.captured_amount - given
            raise RefundTooLarge(f"Of {payment.captured_amount} {payment.currency}, {left} can be refunded.")


async def _apply(session: AsyncSession, payment: Payment, outcome: Outcome) -> None:
    """Write what the provider has done, and tell of it; what is no news changes nothing but the next look."""
    now = datetime.now(UTC)
    payment.unsettled_step = None
    payment.external_payment_id = payment.external_payment_id or outcome.external_id
    payment.action_url = outcome.action_url
    before = Stage(payment.stage)
    if leads_on(before, outcome.stage):
        payment.stage, payment.status = outcome.stage, STATUS[outcome.stage]
        payment.failure_reason = outcome.failure_reason
        payment.checks = 0
        if outcome.stage is Stage.CAPTURED:
            payment.captured_amount = payment.amount
        if outcome.stage in (Stage.CAPTURED, Stage.DECLINED, Stage.VOIDED):
            payment.processed_at = now
        await session.flush()
        await _tell(session, payment)
    is_waiting = step_to(Stage(payment.stage), Goal(payment.goal)) is not None
    payment.next_check_at = _later(payment.checks) if is_waiting else None
    payment.checks += is_waiting


async def _apply_refund(session: AsyncSession, payment: Payment, refund: Refund, outcome: RefundOutcome) -> None:
    if refund.status in (RefundStatus.COMPLETED, RefundStatus.FAILED):
        return
    refund.status = outcome.status
    refund.external_refund_id = refund.external_refund_id or outcome.external_id
    refund.failure_reason = outcome.failure_reason
    if outcome.status in (RefundStatus.PENDING, RefundStatus.PROCESSING):
        refund.next_check_at = _later(refund.checks)
        refund.checks += 1
        return
    refund.next_check_at, refund.processed_at = None, datetime.now(UTC)
    await session.flush()
    if outcome.status is RefundStatus.COMPLETED:
        done = Refund.payment_id == payment.id, Refund.status == RefundStatus.COMPLETED
        if await session.scalar(select(func.sum(Refund.amount)).where(*done)) == payment.captured_amount:
            payment.status = PaymentStatus.REFUNDED
        told = RefundCompleted(refund_id=refund.id, payment_id=payment.id, amount=refund.amount, **_whose(payment))
        await append(session, PRODUCER, "REFUND_COMPLETED", told)


async def _tell(session: AsyncSession, payment: Payment) -> None:
    facts: dict[str, Any] = {"payment_id": payment.id, "amount": payment.amount, **_whose(payment)}
    if payment.stage == Stage.AUTHORISED:
        await append(session, PRODUCER, "PAYMENT_AUTHORIZED", PaymentAuthorized(**facts))
    elif payment.stage == Stage.CAPTURED:
        await append(session, PRODUCER, "PAYMENT_COMPLETED", PaymentSettled(**facts))
    elif payment.stage == Stage.DECLINED:
        failed = PaymentSettled(**facts, failure_reason=payment.failure_reason)
        await append(session, PRODUCER, "PAYMENT_FAILED", failed)


def _whose(payment: Payment) -> dict[str, Any]:
    return {"order_id": payment.order_id, "user_id": payment.user_id, "currency": payment.currency}


def _later(checks: int) -> datetime:
    """Twice as long from look to look."""
    longer: int = 2 ** min(checks, 20)
    return datetime.now(UTC) + min(FIRST_CHECK * longer, LONGEST_PAUSE)
