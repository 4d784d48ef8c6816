"""What can go wrong with a payment."""

from collections.abc import Iterator
from contextlib import contextmanager

from services.common.runtime.answers import CallFailedError
from services.common.runtime.errors import Conflict, NotFound, Problem, Unprocessable


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


class ForgedWebhook(Problem):
    """The signature is wrong, or too old."""

    status = 400
    title = "Forged webhook"


class RefusedError(Exception):
    """The provider refuses for good; the message says why, to the shopper as well."""


class OutcomeUnknownError(CallFailedError):
    """No answer, or none that says it: the provider may have done it, or not."""


@contextmanager
def understood(name: str) -> Iterator[None]:
    """An answer that is not what was expected is as unknown as none."""
    try:
        yield
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise OutcomeUnknownError(f"the answer of {name} is not understood: {error!r:.100}") from error
