"""The life of an order and of a return: one table of transitions each, and the steps of their sagas. No I/O."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from services.common.runtime.errors import Conflict


class OrderStatus(StrEnum):
    """The plan's statuses."""

    PENDING = "PENDING"
    CONFIRMED = "CONFIRMED"
    PROCESSING = "PROCESSING"
    SHIPPED = "SHIPPED"
    DELIVERED = "DELIVERED"
    CANCELLED = "CANCELLED"
    RETURNED = "RETURNED"


class ReturnStatus(StrEnum):
    """The plan's statuses."""

    REQUESTED = "REQUESTED"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    COMPLETED = "COMPLETED"


class Step(StrEnum):
    """What a saga does next: a checkout's steps, those that undo it, and a return's.

    With CAPTURE an order is confirmed, with RESTOCK a return is complete: in the transaction that records the step.
    """

    RESERVE = "RESERVE"
    PAY = "PAY"
    AWAIT_PAYMENT = "AWAIT_PAYMENT"
    COMMIT = "COMMIT"
    CAPTURE = "CAPTURE"
    EMPTY_CART = "EMPTY_CART"
    GIVE_BACK = "GIVE_BACK"
    RELEASE = "RELEASE"
    REFUND = "REFUND"
    RESTOCK = "RESTOCK"


CHECKOUT: Final = (Step.RESERVE, Step.PAY, Step.AWAIT_PAYMENT, Step.COMMIT, Step.CAPTURE)
"""A refusal at one of these gives the order up."""
FLOWS: Final = (
    (*CHECKOUT, Step.EMPTY_CART),
    (Step.GIVE_BACK, Step.RELEASE),
    (Step.REFUND, Step.RESTOCK),
)
AFTER: Final[Mapping[Step, Step | None]] = {
    step: then for flow in FLOWS for step, then in zip(flow, (*flow[1:], None), strict=True)
}
"""The step after each; with None a saga has ended."""

TRANSITIONS: Final[Mapping[StrEnum, frozenset[StrEnum]]] = {
    OrderStatus.PENDING: frozenset({OrderStatus.CONFIRMED, OrderStatus.CANCELLED}),
    OrderStatus.CONFIRMED: frozenset({OrderStatus.PROCESSING, OrderStatus.CANCELLED}),
    OrderStatus.PROCESSING: frozenset({OrderStatus.SHIPPED, OrderStatus.CANCELLED}),
    OrderStatus.SHIPPED: frozenset({OrderStatus.DELIVERED}),
    OrderStatus.DELIVERED: frozenset({OrderStatus.RETURNED}),
    OrderStatus.CANCELLED: frozenset(),
    OrderStatus.RETURNED: frozenset(),
    ReturnStatus.REQUESTED: frozenset({ReturnStatus.APPROVED, ReturnStatus.REJECTED}),
    ReturnStatus.APPROVED: frozenset({ReturnStatus.COMPLETED}),
    ReturnStatus.REJECTED: frozenset(),
    ReturnStatus.COMPLETED: frozenset(),
}
CANCELLABLE: Final = frozenset(before for before, after in TRANSITIONS.items() if OrderStatus.CANCELLED in after)


class IllegalTransition(Conflict):
    """The table has no such transition."""

    title = "Illegal transition"


def check_transition(what: str, before: StrEnum, after: StrEnum) -> None:
    """Look into the table.

    Raises:
        IllegalTransition: it has no such transition.
    """
    if after not in TRANSITIONS[before]:
        known = ", ".join(sorted(TRANSITIONS[before])) or "nothing"
        raise IllegalTransition(f"{what} is {before}: it can become {known}, and not {after}.")
