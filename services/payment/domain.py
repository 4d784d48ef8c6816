"""The life of a payment and of a refund: stages, goals, and the step that leads from one to the other. No I/O.

The plan's status follows from the stage. A provider may tell of stages late and in any order: one that would lead back
changes nothing.
"""

from enum import StrEnum
from typing import Final


class PaymentMethod(StrEnum):
    """The plan's methods."""

    CREDIT_CARD = "CREDIT_CARD"
    DEBIT_CARD = "DEBIT_CARD"
    PAYPAL = "PAYPAL"
    BANK_TRANSFER = "BANK_TRANSFER"
    AMAZON_PAY = "AMAZON_PAY"
    APPLE_PAY = "APPLE_PAY"
    GOOGLE_PAY = "GOOGLE_PAY"


class PaymentStatus(StrEnum):
    """The plan's statuses."""

    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    REFUNDED = "REFUNDED"


class RefundStatus(StrEnum):
    """The plan's statuses."""

    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


class Stage(StrEnum):
    """What the provider has done."""

    NEW = "NEW"
    CREATED = "CREATED"
    REQUIRES_ACTION = "REQUIRES_ACTION"
    """The shopper has to do something: confirm at the bank, approve at PayPal, transfer the money."""
    AUTHORISED = "AUTHORISED"
    CAPTURED = "CAPTURED"
    DECLINED = "DECLINED"
    VOIDED = "VOIDED"


class Goal(StrEnum):
    """What we want of it."""

    AUTHORISE = "AUTHORISE"
    CAPTURE = "CAPTURE"
    CANCEL = "CANCEL"


class Step(StrEnum):
    """A call of the provider; `ASK` changes nothing."""

    CREATE = "create"
    CONFIRM = "confirm"
    CAPTURE = "capture"
    CANCEL = "cancel"
    ASK = "ask"


NEXT: Final = {
    Stage.NEW: {Stage.CREATED, Stage.REQUIRES_ACTION, Stage.AUTHORISED, Stage.CAPTURED, Stage.DECLINED, Stage.VOIDED},
    Stage.CREATED: {Stage.REQUIRES_ACTION, Stage.AUTHORISED, Stage.CAPTURED, Stage.DECLINED, Stage.VOIDED},
    Stage.REQUIRES_ACTION: {Stage.AUTHORISED, Stage.CAPTURED, Stage.DECLINED, Stage.VOIDED},
    Stage.AUTHORISED: {Stage.CAPTURED, Stage.DECLINED, Stage.VOIDED},
    Stage.CAPTURED: set(),
    Stage.DECLINED: set(),
    Stage.VOIDED: {Stage.CAPTURED},
}
"""The one table of transitions. Money can come after a payment was given up: by bank transfer."""

STATUS: Final = {
    Stage.NEW: PaymentStatus.PENDING,
    Stage.CREATED: PaymentStatus.PROCESSING,
    Stage.REQUIRES_ACTION: PaymentStatus.PROCESSING,
    Stage.AUTHORISED: PaymentStatus.PROCESSING,
    Stage.CAPTURED: PaymentStatus.COMPLETED,
    Stage.DECLINED: PaymentStatus.FAILED,
    Stage.VOIDED: PaymentStatus.CANCELLED,
}

STEPS: Final = {
    (Stage.NEW, Goal.AUTHORISE): Step.CREATE,
    (Stage.NEW, Goal.CAPTURE): Step.CREATE,
    (Stage.NEW, Goal.CANCEL): Step.CREATE,  # it may have been created: only who creates it again learns its id
    (Stage.CREATED, Goal.AUTHORISE): Step.CONFIRM,
    (Stage.CREATED, Goal.CAPTURE): Step.CONFIRM,
    (Stage.CREATED, Goal.CANCEL): Step.CANCEL,
    (Stage.REQUIRES_ACTION, Goal.AUTHORISE): Step.ASK,
    (Stage.REQUIRES_ACTION, Goal.CAPTURE): Step.ASK,
    (Stage.REQUIRES_ACTION, Goal.CANCEL): Step.CANCEL,
    (Stage.AUTHORISED, Goal.CAPTURE): Step.CAPTURE,
    (Stage.AUTHORISED, Goal.CANCEL): Step.CANCEL,
}
"""What to do next; what is not here is done."""


def step_to(stage: Stage, goal: Goal) -> Step | None:
    """The step that leads on; None if there is nothing to do."""
    return STEPS.get((stage, goal))


def leads_on(before: Stage, after: Stage) -> bool:
    """Whether a stage that the provider tells of is news."""
    return after in NEXT[before]
