"""What the outcome of a call means: to its caller, and to the circuit breaker of the service that was called."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx2
from pydantic import TypeAdapter, ValidationError

from services.common.runtime.breaker import Breaker, CircuitOpenError
from services.common.runtime.errors import Unavailable
from services.common.runtime.retries import UNAVAILABLE

JSON = "application/json"
TOO_LATE = (TimeoutError, httpx2.TimeoutException)
OURS = (httpx2.LocalProtocolError, httpx2.PoolTimeout)
"""Failures that say nothing about the other side: an invalid request, or no free connection."""
ADAPTERS: dict[object, TypeAdapter[Any]] = {}
T = TypeVar("T")


class CallFailedError(Unavailable):
    """Another service did not respond: unavailable, too slow, not understood, or its circuit is open."""


class UnexpectedStatusError(CallFailedError):
    """Another service responded, with a status that its caller does not expect."""

    def __init__(self, name: str, answer: httpx2.Response) -> None:
        super().__init__(f"{name} answers with status {answer.status_code}")
        self.answer = answer


@contextmanager
def watched(name: str, breaker: Breaker, *, is_cut_short: bool) -> Iterator[None]:
    """One attempt at a call, whose outcome the breaker is told.

    `is_cut_short`: the caller's deadline left less time than ours, so slowness says nothing about the service.

    Raises:
        CallFailedError: the circuit is open, or there was no usable answer.
    """
    try:
        breaker.check()
    except CircuitOpenError as error:
        raise CallFailedError(f"{name} is not asked: {error}") from error
    try:
        yield
    except UnexpectedStatusError as error:
        if error.answer.status_code not in UNAVAILABLE:
            breaker.succeeded()
        elif is_cut_short:
            breaker.undecided()
        else:
            breaker.failed()
        raise
    except (httpx2.RequestError, TimeoutError, ConnectionError) as error:
        if isinstance(error, OURS) or (is_cut_short and isinstance(error, TOO_LATE)):
            breaker.undecided()
        else:
            breaker.failed()
        raise CallFailedError(f"{name} does not answer: {type(error).__name__}") from error
    breaker.succeeded()


def available(name: str, answer: httpx2.Response) -> httpx2.Response:
    """The answer of a service that is there.

    Raises:
        UnexpectedStatusError: it says that it is not.
    """
    if answer.status_code in UNAVAILABLE:
        raise UnexpectedStatusError(name, answer)
    return answer


def parsed(shape: type[T], name: str, answer: httpx2.Response) -> T:
    """The JSON of a success.

    Raises:
        UnexpectedStatusError: the answer is no success.
        DecodingError: it is no JSON of this shape.
    """
    if not answer.is_success:
        raise UnexpectedStatusError(name, answer)
    adapter = ADAPTERS.get(shape) or ADAPTERS.setdefault(shape, TypeAdapter(shape))
    media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != JSON:
        raise httpx2.DecodingError("the answer is no JSON", request=answer.request)
    try:
        found: T = adapter.validate_json(answer.content)
    except ValidationError as error:
        raise httpx2.DecodingError("the answer is not understood", request=answer.request) from error
    return found
