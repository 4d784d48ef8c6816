"""The local provider: deterministic, without money, with a book of its own. The default of the embedded stack.

The last three digits of an amount, in the smallest unit of its currency, say what happens when it is confirmed:

401   the shopper has to approve it first
402   declined
408   no answer to the first try, and nothing was done
504   no answer to the first try, though it was done

A bank transfer waits for the money: a webhook of the shop's bank, or the shopper's `act`, says that it is there.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import orjson
from sqlalchemy.dialects.postgresql import insert
from stripe import SignatureVerificationError, WebhookSignature

from services.common.storage.database import Database
from services.contracts.money import digits_of
from services.contracts.payments import PaymentMethod
from services.payment.domain import RefundStatus, Stage, Step
from services.payment.errors import ForgedWebhook, OutcomeUnknownError, RefusedError
from services.payment.models import LocalCharge
from services.payment.provider import TOLERANCE_SECONDS, Charge, Notice, Outcome, RefundOutcome

NEEDS_ACTION, DECLINED, SILENT, SILENT_AFTER = 401, 402, 408, 504
SIGNATURE: Final = "x-local-signature"
BEFORE: Final = {
    Step.CONFIRM: {Stage.CREATED},
    Step.CAPTURE: {Stage.AUTHORISED},
    Step.CANCEL: {Stage.CREATED, Stage.REQUIRES_ACTION, Stage.AUTHORISED},
}


class LocalProvider:
    """Does what the digits say; `is_trial` says whether shoppers may say themselves that they have paid."""

    name = "local"

    def __init__(self, database: Database, secret: str, *, is_trial: bool = True) -> None:
        self._sessions = database.sessions
        self._secret = secret
        self.is_trial = is_trial

    async def do(self, step: Step, charge: Charge, key: str) -> Outcome:  # noqa: ARG002 - a stage is reached once
        """Do a step in the book."""
        external_id = f"local_{charge.id}"
        async with self._sessions.begin() as session:
            if step is Step.CREATE:
                row = {"id": external_id, "amount": charge.amount, "method": charge.method, "stage": Stage.CREATED}
                await session.execute(insert(LocalCharge).values(row).on_conflict_do_nothing())
            found = await session.get_one(LocalCharge, external_id, with_for_update=True)
            found.confirms += step is Step.CONFIRM
            digits = int(charge.amount.scaleb(digits_of(charge.currency))) % 1000
            is_silent = step is Step.CONFIRM and digits in (SILENT, SILENT_AFTER) and found.confirms == 1
            if found.stage in BEFORE.get(step, ()) and not (is_silent and digits == SILENT):
                found.stage = _after(step, charge.method, digits)
            stage = Stage(found.stage)
        if is_silent:
            raise OutcomeUnknownError("the local provider does not answer")
        return Outcome(
            stage,
            external_id,
            action_url=f"/local-payments/{external_id}" if stage is Stage.REQUIRES_ACTION else None,
            failure_reason="declined by the local provider" if stage is Stage.DECLINED else None,
        )

    async def refund(self, charge: Charge, amount: Decimal, key: str) -> RefundOutcome:
        """Give money back; never more than was taken, whatever it is asked for."""
        async with self._sessions.begin() as session:
            row = await session.get_one(LocalCharge, charge.external_id, with_for_update=True)
            if key not in row.refunds:
                if row.stage != Stage.CAPTURED or row.refunded + amount > row.amount:
                    raise RefusedError("more than was captured")
                row.refunded, row.refunds = row.refunded + amount, {**row.refunds, key: str(amount)}
        return RefundOutcome(RefundStatus.COMPLETED, f"refund_{key}")

    async def act(self, external_id: str, *, is_approved: bool) -> None:
        """What the shopper does: approve or refuse a payment, or transfer the money."""
        async with self._sessions.begin() as session:
            row = await session.get(LocalCharge, external_id, with_for_update=True)
            if row is not None and row.method == PaymentMethod.BANK_TRANSFER and is_approved:
                row.stage = Stage.CAPTURED  # also of a payment that was given up: banks do not ask us
            elif row is not None and row.stage == Stage.REQUIRES_ACTION:
                row.stage = Stage.AUTHORISED if is_approved else Stage.DECLINED

    def sign(self, event: Mapping[str, object], sent_at: int | None = None) -> tuple[dict[str, str], bytes]:
        """A webhook with this message: headers and body. Stripe's scheme: HMAC-SHA256 over the time and the body."""
        body = orjson.dumps(event)
        return {SIGNATURE: WebhookSignature.generate_signature_header(body.decode(), self._secret, sent_at)}, body

    async def read_webhook(self, headers: Mapping[str, str], body: bytes) -> Notice:
        """`{"id": "…", "payment": "local_…", "paid": true}`; without `paid` it only says that there is news."""
        try:
            WebhookSignature.verify_header(body, headers.get(SIGNATURE), self._secret, TOLERANCE_SECONDS)
            message = orjson.loads(body)
            notice = Notice(str(message["id"]), str(message["payment"]))
        except (SignatureVerificationError, LookupError, TypeError, ValueError) as error:
            raise ForgedWebhook("The signature is wrong, or too old.") from error
        if message.get("paid") is True:
            await self.act(notice.external_id, is_approved=True)
        return notice

    async def close(self) -> None:
        """It has no connections of its own."""


def _after(step: Step, method: PaymentMethod, digits: int) -> Stage:
    if step is not Step.CONFIRM:
        return Stage.CAPTURED if step is Step.CAPTURE else Stage.VOIDED
    if method is PaymentMethod.BANK_TRANSFER or digits == NEEDS_ACTION:
        return Stage.REQUIRES_ACTION
    return Stage.DECLINED if digits == DECLINED else Stage.AUTHORISED
