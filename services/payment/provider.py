"""What a payment provider has to do, and what it answers.

Every call carries an idempotency key, so that it may be repeated until its outcome is known.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from services.common.runtime.errors import Problem
from services.payment.domain import PaymentMethod, RefundStatus, Stage


class OutcomeUnknownError(Exception):
    """No answer: the provider may have done it, or not."""


class ForgedWebhook(Problem):
    """The signature is wrong, or too old."""

    status = 400
    title = "Forged webhook"


@dataclass(frozen=True)
class Charge:
    """A payment as its provider sees it; `token` stands for the card or account, which we never see."""

    id: str
    order_id: int
    amount: Decimal
    currency: str
    method: PaymentMethod
    token: str | None = None
    return_url: str | None = None
    external_id: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What the provider has done of a payment; `action_url` is where the shopper has to go."""

    stage: Stage
    external_id: str
    action_url: str | None = None
    failure_reason: str | None = None


@dataclass(frozen=True)
class RefundOutcome:
    """What the provider has done of a refund."""

    status: RefundStatus
    external_id: str | None = None
    failure_reason: str | None = None


@dataclass(frozen=True)
class Notice:
    """A genuine webhook: there is news of a payment; what it is, the provider is asked."""

    event_id: str
    external_id: str | None


class Provider(Protocol):
    """A payment provider.

    Each call raises OutcomeUnknownError if there is no answer in time.
    """

    name: str

    async def create(self, charge: Charge, key: str) -> Outcome:
        """Make the payment known, without any effect on money."""

    async def confirm(self, charge: Charge, key: str) -> Outcome:
        """Authorise it, or begin to."""

    async def capture(self, charge: Charge, key: str) -> Outcome:
        """Take the authorised money."""

    async def cancel(self, charge: Charge, key: str) -> Outcome:
        """Give up a payment that was not captured."""

    async def ask(self, charge: Charge, key: str) -> Outcome:
        """What has become of it; the key is not needed."""

    async def refund(self, charge: Charge, amount: Decimal, key: str) -> RefundOutcome:
        """Give money back, or find out what became of that."""

    def read_webhook(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Notice:
        """A webhook's message.

        Raises:
            ForgedWebhook: it is not the provider's, or too old.
        """

    async def close(self) -> None:
        """Close the connections."""
