"""The life of a payment and of a refund: stages, goals, and the step that leads from one to the other. No I/O.

The plan's status follows from the stage. A provider may tell of stages late and in any order: one that would lead back
changes nothing.
"""

from enum import StrEnum
from typing import Final


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
    APPROVED = "APPROVED"
    """The shopper has done it; now the money can be authorised."""
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
    """Make it known, without any effect on money."""
    CONFIRM = "confirm"
    """Authorise it, or begin to."""
    CAPTURE = "capture"
    CANCEL = "cancel"
    ASK = "ask"


_ENDS: Final = {Stage.AUTHORISED, Stage.CAPTURED, Stage.DECLINED, Stage.VOIDED}
NEXT: Final = {
    Stage.NEW: _ENDS | {Stage.CREATED, Stage.REQUIRES_ACTION, Stage.APPROVED},
    Stage.CREATED: _ENDS | {Stage.REQUIRES_ACTION, Stage.APPROVED},
    Stage.REQUIRES_ACTION: _ENDS | {Stage.APPROVED},
    Stage.APPROVED: _ENDS,
    Stage.AUTHORISED: _ENDS - {Stage.AUTHORISED},
    Stage.CAPTURED: set[Stage](),
    Stage.DECLINED: {Stage.CAPTURED},
    Stage.VOIDED: {Stage.AUTHORISED, Stage.CAPTURED},
}
"""The one table of transitions. Money can come after a payment was refused or given up: it is given back."""

STATUS: Final = {
    Stage.NEW: PaymentStatus.PENDING,
    Stage.CAPTURED: PaymentStatus.COMPLETED,
    Stage.DECLINED: PaymentStatus.FAILED,
    Stage.VOIDED: PaymentStatus.CANCELLED,
}
"""The status of a stage; of the others it is PROCESSING."""

_CONFIRM = {Goal.AUTHORISE: Step.CONFIRM, Goal.CAPTURE: Step.CONFIRM, Goal.CANCEL: Step.CANCEL}
STEPS: Final = {
    Stage.NEW: dict.fromkeys(Goal, Step.CREATE),  # to cancel, too: only who creates it again learns its id
    Stage.CREATED: _CONFIRM,
    Stage.REQUIRES_ACTION: {Goal.AUTHORISE: Step.ASK, Goal.CAPTURE: Step.ASK, Goal.CANCEL: Step.CANCEL},
    Stage.APPROVED: _CONFIRM,
    Stage.AUTHORISED: {Goal.CAPTURE: Step.CAPTURE, Goal.CANCEL: Step.CANCEL},
}
"""What to do next; what is not here is done."""


def step_to(stage: Stage, goal: Goal) -> Step | None:
    """The step that leads on; None if there is nothing to do."""
    return STEPS.get(stage, {}).get(goal)


def leads_on(before: Stage, after: Stage) -> bool:
    """Whether a stage that the provider tells of is news."""
    return after in NEXT[before]
