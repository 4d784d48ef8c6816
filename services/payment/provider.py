"""What a payment provider has to do, and what it answers.

Every call carries an idempotency key, so that it may be repeated until its outcome is known.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Protocol
from uuid import UUID

from services.contracts.payments import PaymentMethod
from services.payment.domain import RefundStatus, Stage, Step

LONGEST_CALL: Final = 10.0
"""So many seconds a provider has for its answer."""
TOLERANCE_SECONDS: Final = 300
"""So old a webhook's signature may be."""


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
    is_authorised: bool = False


@dataclass(frozen=True)
class Outcome:
    """What the provider has done of a payment; `action_url` is where the shopper has to go."""

    stage: Stage
    external_id: str | None
    action_url: str | None = None
    failure_reason: str | None = None
    intent_id: str | None = None


@dataclass(frozen=True)
class RefundOutcome:
    """What the provider has done of a refund."""

    status: RefundStatus
    external_id: str | None = None
    failure_reason: str | None = None


@dataclass(frozen=True)
class Notice:
    """A genuine webhook: there is news of a payment, by one of these ids; what it is, the provider is asked."""

    event_id: str
    external_id: str
    payment_id: UUID | None = None


class Provider(Protocol):
    """A payment provider.

    Each call raises RefusedError, or CallFailedError (OutcomeUnknownError is one) if there is no answer in time.
    """

    name: str

    async def do(self, step: Step, charge: Charge, key: str) -> Outcome:
        """Do a step, and say what has become of the payment."""

    async def refund(self, charge: Charge, amount: Decimal, key: str) -> RefundOutcome:
        """Give money back, or find out what became of that."""

    async def read_webhook(self, headers: Mapping[str, str], body: bytes) -> Notice:
        """A webhook's message.

        Raises:
            ForgedWebhook: it is not the provider's, or too old.
        """

    async def close(self) -> None:
        """Close the connections."""
