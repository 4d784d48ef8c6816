"""Payments and refunds: what is wanted is committed first, then the provider is asked, then its answer is committed.

A call without an answer leaves the payment as it is, with the step that is unsettled: the reconciler repeats it with
the same idempotency key. So a death at any moment loses nothing, and nothing is done twice.
"""

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.messaging.erasure import erased_among
from services.common.runtime.answers import CallFailedError
from services.common.runtime.errors import NotFound
from services.common.storage.database import Database
from services.contracts.payments import CANCELLED, PaymentMethod, id_of_refund
from services.contracts.vault import Vault
from services.payment.domain import Goal, PaymentStatus, RefundStatus, Stage, Step, leads_on
from services.payment.errors import IllegalTransition, NotConfigured, PaymentNotFound, RefusedError
from services.payment.models import GivenUp, Payment, Refund, Webhook
from services.payment.provider import Charge, Notice, Outcome, Provider, RefundOutcome
from services.payment.records import OVER, apply, apply_refund, begin, check_refund, unanswered_until

logger = logging.getLogger(__name__)
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:id, 13))")
_PRUNE = text(
    "DELETE FROM webhooks WHERE ctid = ANY(ARRAY(SELECT ctid FROM webhooks"
    " WHERE received_at < now() - interval '30 days' LIMIT 10 FOR UPDATE SKIP LOCKED))"
)
"""No provider repeats an event for longer; another look would do no harm."""


class Payments:
    """The payments of a shop; a method without a provider is not configured, and `vault` encrypts the details."""

    def __init__(self, database: Database, providers: Mapping[PaymentMethod, Provider], vault: Vault) -> None:
        self._sessions = database.sessions
        self._providers = providers
        self._by_name = {each.name: each for each in providers.values()}
        self._vault = vault

    def provider(self, name: str) -> Provider:
        """The provider of this name; NotFound if it is not configured."""
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
        what = {"order_id": charge.order_id, "user_id": user_id, "amount": charge.amount, "currency": charge.currency}
        start = {"status": PaymentStatus.PENDING, "stage": Stage.NEW, "goal": Goal.AUTHORISE}
        details = self._vault.seal({"token": charge.token, "returnUrl": charge.return_url}, str(payment_id))
        by = {"payment_method": charge.method, "provider": provider.name, "payment_details": details}
        row = {"id": payment_id, "next_check_at": unanswered_until(), **what, **start, **by}
        async with self._sessions.begin() as session:
            await session.execute(_LOCK, {"id": str(payment_id)})
            if await erased_among(session, [user_id]):
                raise IllegalTransition("The account of this payment was deleted.")
            if await session.get(GivenUp, payment_id) is not None:
                raise IllegalTransition(f"The payment {payment_id} was given up before it was made.")
            await session.execute(insert(Payment).values(row).on_conflict_do_nothing())
            payment = await session.get_one(Payment, payment_id, with_for_update=True)
            if {name: getattr(payment, name) for name in what} != what:
                raise IllegalTransition(f"The payment {payment_id} is over another order or amount.")
            step = begin(payment)
        return await self._go_on(payment, step)

    async def want(self, payment_id: UUID, goal: Goal) -> Payment:
        """Capture or cancel a payment, as far as that goes now."""
        if goal is Goal.CANCEL:  # a payment that is not there yet must not come after it was given up
            async with self._sessions.begin() as session:
                await session.execute(_LOCK, {"id": str(payment_id)})
                if await session.get(Payment, payment_id) is None:
                    await session.execute(insert(GivenUp).values(id=payment_id).on_conflict_do_nothing())
        async with self._locked(payment_id) as (_, payment):
            ends = {Goal.CAPTURE: {Stage.DECLINED, Stage.VOIDED}, Goal.CANCEL: {Stage.CAPTURED}}
            is_given_up = payment.goal == Goal.CANCEL and goal is Goal.CAPTURE
            if Stage(payment.stage) in ends.get(goal, set()) or is_given_up:
                raise IllegalTransition(f"The payment is {payment.status}, which {goal} does not lead from.")
            payment.goal = goal
            step = begin(payment)
        return await self._go_on(payment, step)

    async def look(self, payment_id: UUID) -> Payment:
        """Ask the provider what has become of a payment, whatever we know of it, and go on."""
        async with self._locked(payment_id) as (_, payment):
            step = begin(payment) if payment.external_payment_id is None else Step.ASK
        return await self._go_on(payment, step)

    async def due(self, most: int) -> tuple[list[UUID], list[UUID]]:
        """Payments and refunds to look at now; for a while they are not due again."""
        found = []
        async with self._sessions.begin() as session:
            for table in (Payment, Refund):
                late = select(table.id).where(table.next_check_at <= func.now()).order_by(table.next_check_at)
                ids = (await session.scalars(late.limit(most).with_for_update(skip_locked=True))).all()
                later = update(table).where(table.id.in_(ids)).values(next_check_at=unanswered_until())
                await session.execute(later.execution_options(synchronize_session=False))
                found.append(list(ids))
        return found[0], found[1]

    async def refund(self, refund_id: UUID, payment_id: UUID, amount: Decimal, currency: str, reason: str) -> Refund:
        """Give back a part of what was captured, or all; a repetition goes on."""
        async with self._locked(payment_id) as (session, payment):
            known = await session.get(Refund, refund_id)
            if payment.currency != currency:
                raise IllegalTransition(f"The payment is in {payment.currency}, not in {currency}.")
            if known is None:
                await check_refund(session, payment, amount)
                row = {"id": refund_id, "payment_id": payment_id, "amount": amount, "reason": reason}
                session.add(Refund(**row, status=RefundStatus.PENDING, next_check_at=unanswered_until()))
            elif (known.payment_id, known.amount) != (payment_id, amount):
                raise IllegalTransition(f"The refund {refund_id} is of another payment or amount.")
        return await self.go_on_refunding(refund_id)

    async def go_on_refunding(self, refund_id: UUID) -> Refund:
        """Have the provider give the money back, or find out whether it did."""
        async with self._sessions.begin() as session:
            refund = await session.get_one(Refund, refund_id)
            if refund.status in OVER:
                return refund
            payment = await session.get_one(Payment, refund.payment_id)
        try:
            provider, key = self.provider(payment.provider), f"{refund_id}:refund"
            outcome = await provider.refund(self._charge(payment), refund.amount, key)
        except RefusedError as refusal:
            outcome = RefundOutcome(RefundStatus.FAILED, failure_reason=str(refusal))
        except (CallFailedError, NotFound) as error:
            logger.warning("it is not known whether the refund %s was made: %s", refund_id, error)
            outcome = RefundOutcome(RefundStatus.PROCESSING)
        async with self._locked(refund.payment_id) as (session, payment):
            refund = await session.get_one(Refund, refund_id, with_for_update=True)
            await apply_refund(session, payment, refund, outcome)
        return refund

    async def notice(self, provider: Provider, notice: Notice) -> None:
        """A genuine webhook: look at its payment, once for each event."""
        async with self._sessions.begin() as session:
            await session.execute(_PRUNE)
            row = insert(Webhook).values(provider=provider.name, event_id=notice.event_id)
            is_new = await session.scalar(row.on_conflict_do_nothing().returning(Webhook.event_id))
            is_it = Payment.external_payment_id == notice.external_id, Payment.id == notice.payment_id
            payment_id = await session.scalar(select(Payment.id).where(or_(*is_it)))
            if is_new is None or payment_id is None:
                return
            due = select(Payment).where(Payment.id == payment_id).with_for_update()
            (await session.scalars(due)).one().next_check_at = datetime.now(UTC)  # if we die before we have looked
            pending = select(Refund.id).where(Refund.payment_id == payment_id, Refund.next_check_at.is_not(None))
            refunds = (await session.scalars(pending)).all()
        await self.look(payment_id)
        for refund_id in refunds:
            await self.go_on_refunding(refund_id)

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
        what = payment.order_id, payment.amount, payment.currency, PaymentMethod(payment.payment_method)
        how = details.get("token"), details.get("returnUrl"), payment.external_payment_id
        return Charge(str(payment.id), *what, *how, is_authorised=payment.stage == Stage.AUTHORISED)

    async def _go_on(self, payment: Payment, step: Step | None) -> Payment:
        """Take this step and those that lead on to the goal, each at most once, until one has no answer yet."""
        done: set[Step] = set()
        while step is not None:
            done.add(step)
            outcome: Outcome | None = None
            try:
                outcome = await self._call(self.provider(payment.provider), step, payment)
            except (CallFailedError, RefusedError, NotFound) as error:  # a provider may be not configured for a while
                logger.warning("it is not known what came of %s of the payment %s: %s", step, payment.id, error)
            async with self._locked(payment.id) as (session, now):
                await apply(session, now, outcome)
                step = begin(now, done) if outcome is not None else None
            payment = now
            if payment.goal == Goal.CANCEL and payment.stage == Stage.CAPTURED:
                await self.go_on_refunding(id_of_refund(payment.id, CANCELLED))
        return payment

    async def _call(self, provider: Provider, step: Step, payment: Payment) -> Outcome:
        """What is refused has failed, unless the payment was further than we knew."""
        charge = self._charge(payment)
        try:
            return await provider.do(step, charge, f"{charge.id}:{step}")
        except RefusedError as refusal:
            failed = Outcome(Stage.DECLINED, charge.external_id, failure_reason=str(refusal))
            if charge.external_id is None:
                return failed
            asked = await provider.do(Step.ASK, charge, f"{charge.id}:{Step.ASK}")
            if step is Step.CAPTURE and asked.stage is Stage.AUTHORISED:  # what cannot be taken is not kept set aside
                voided = await provider.do(Step.CANCEL, charge, f"{charge.id}:{Step.CANCEL}")
                return replace(voided, failure_reason=str(refusal))
            return asked if step is Step.CANCEL or leads_on(Stage(payment.stage), asked.stage) else failed
