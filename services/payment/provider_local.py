"""The local provider: deterministic, without money, with a book of its own. The default of the embedded stack.

The last three digits of an amount, in the smallest unit of its currency, say what happens when it is confirmed:

401   the shopper has to approve it first
402   declined
408   no answer to the first try, and nothing was done
504   no answer to the first try, though it was done

A bank transfer waits for `pay()`, which stands for the shopper's bank.
"""

import hashlib
import hmac
import time
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

import orjson
from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.storage.database import Database
from services.contracts.money import digits_of
from services.payment.domain import PaymentMethod, RefundStatus, Stage
from services.payment.models import LocalCall, LocalCharge
from services.payment.provider import Charge, ForgedWebhook, Notice, Outcome, OutcomeUnknownError, RefundOutcome

NEEDS_ACTION, DECLINED, SILENT, SILENT_AFTER = 401, 402, 408, 504
SIGNATURE: Final = "x-local-signature"
TOLERANCE_SECONDS: Final = 300
_TRY = text(
    "INSERT INTO local_calls (key) VALUES (:key)"
    " ON CONFLICT (key) DO UPDATE SET tries = local_calls.tries + 1 RETURNING tries, is_done"
)


class LocalProvider:
    """Does what the digits say.

    Args:
        database: the payment service's, in which it has its book.
        secret: signs its webhooks.
    """

    name = "local"

    def __init__(self, database: Database, secret: str) -> None:
        self._sessions = database.sessions
        self._secret = secret.encode()

    async def create(self, charge: Charge, key: str) -> Outcome:
        """Enter it into the book."""
        external_id = f"local_{charge.id}"
        row = {"id": external_id, "amount": charge.amount, "currency": charge.currency, "method": charge.method}
        async with self._sessions.begin() as session:
            storing = insert(LocalCharge).values(**row, stage=Stage.CREATED)
            await session.execute(storing.on_conflict_do_nothing())
        return await self.ask(Charge(**{**vars(charge), "external_id": external_id}), key)

    async def confirm(self, charge: Charge, key: str) -> Outcome:
        """Authorise it, as the digits say."""
        digits = int(charge.amount.scaleb(digits_of(charge.currency))) % 1000
        waits = charge.method == PaymentMethod.BANK_TRANSFER or digits == NEEDS_ACTION
        to = Stage.REQUIRES_ACTION if waits else Stage.DECLINED if digits == DECLINED else Stage.AUTHORISED
        return await self._move(charge, key, {Stage.CREATED}, to, digits)

    async def capture(self, charge: Charge, key: str) -> Outcome:
        """Take the money."""
        return await self._move(charge, key, {Stage.AUTHORISED}, Stage.CAPTURED)

    async def cancel(self, charge: Charge, key: str) -> Outcome:
        """Give it up."""
        return await self._move(charge, key, {Stage.CREATED, Stage.REQUIRES_ACTION, Stage.AUTHORISED}, Stage.VOIDED)

    async def ask(self, charge: Charge, key: str) -> Outcome:  # noqa: ARG002 - the protocol's
        """Look into the book."""
        async with self._sessions() as session:
            return _outcome(await session.get_one(LocalCharge, charge.external_id))

    async def refund(self, charge: Charge, amount: Decimal, key: str) -> RefundOutcome:
        """Give money back; never more than was taken, whatever it is asked for."""
        async with self._sessions.begin() as session:
            row = await session.get_one(LocalCharge, charge.external_id, with_for_update=True)
            if not (await self._attempt(session, key))[1]:
                if row.stage != Stage.CAPTURED or row.refunded + amount > row.amount:
                    return RefundOutcome(RefundStatus.FAILED, failure_reason="more than was captured")
                row.refunded += amount
                await self._done(session, key)
        return RefundOutcome(RefundStatus.COMPLETED, f"refund_{key}")

    async def act(self, external_id: str, *, is_approved: bool) -> None:
        """What the shopper does: approve or refuse a payment, or transfer the money."""
        async with self._sessions.begin() as session:
            row = await session.get_one(LocalCharge, external_id, with_for_update=True)
            if row.method == PaymentMethod.BANK_TRANSFER and is_approved:
                row.stage = Stage.CAPTURED  # also of a payment that was given up: banks do not ask us
            elif row.stage == Stage.REQUIRES_ACTION:
                row.stage = Stage.AUTHORISED if is_approved else Stage.DECLINED

    def sign(self, event_id: str, external_id: str, sent_at: float | None = None) -> tuple[dict[str, str], bytes]:
        """A webhook of it: headers and body."""
        body = orjson.dumps({"id": event_id, "payment": external_id})
        moment = str(int(time.time() if sent_at is None else sent_at))
        return {SIGNATURE: f"t={moment},v1={self._mac(moment, body)}"}, body

    def read_webhook(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Notice:
        """A webhook's message; `ForgedWebhook` if the signature is wrong or too old."""
        parts = dict(part.partition("=")[::2] for part in headers.get(SIGNATURE, "").split(","))
        moment = parts.get("t", "")
        if not hmac.compare_digest(self._mac(moment, body), parts.get("v1", "")):
            raise ForgedWebhook("The signature is wrong.")
        if abs(now.timestamp() - int(moment)) > TOLERANCE_SECONDS:
            raise ForgedWebhook("The signature is too old.")
        message = orjson.loads(body)
        return Notice(message["id"], message["payment"])

    async def close(self) -> None:
        """It has no connections of its own."""

    async def _move(self, charge: Charge, key: str, before: set[Stage], after: Stage, digits: int = 0) -> Outcome:
        async with self._sessions.begin() as session:
            tries, is_done = await self._attempt(session, key)
            is_silent = digits in (SILENT, SILENT_AFTER) and tries == 1
            if not is_done and not (is_silent and digits == SILENT):
                moving = update(LocalCharge).where(LocalCharge.id == charge.external_id, LocalCharge.stage.in_(before))
                await session.execute(moving.values(stage=after))
                await self._done(session, key)
            row = (
                await session.scalars(
                    select(LocalCharge)
                    .where(LocalCharge.id == charge.external_id)
                    .execution_options(populate_existing=True)
                )
            ).one()
            outcome = _outcome(row)
        if is_silent:
            raise OutcomeUnknownError("the local provider does not answer")
        return outcome

    async def _attempt(self, session: AsyncSession, key: str) -> tuple[int, bool]:
        row = (await session.execute(_TRY, {"key": key})).one()
        return row.tries, row.is_done

    async def _done(self, session: AsyncSession, key: str) -> None:
        await session.execute(update(LocalCall).where(LocalCall.key == key).values(is_done=True))

    def _mac(self, moment: str, body: bytes) -> str:
        return hmac.new(self._secret, moment.encode() + b"." + body, hashlib.sha256).hexdigest()


def _outcome(row: LocalCharge) -> Outcome:
    stage = Stage(row.stage)
    return Outcome(
        stage,
        row.id,
        action_url=f"/local-payments/{row.id}" if stage is Stage.REQUIRES_ACTION else None,
        failure_reason="declined by the local provider" if stage is Stage.DECLINED else None,
    )
