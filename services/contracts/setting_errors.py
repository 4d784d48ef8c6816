"""Errors in the variables of a process: each names the variable, its value unless that may be secret, and why."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from pydantic_core import ErrorDetails

SECRET = ("_URL", "_USERNAME", "_PASSWORD", "_WEBHOOK")
"""The ends of the names of variables that may hold a secret; these can be read from files, too."""


class SettingError(RuntimeError):
    """A variable is missing or has an invalid value."""


class SecretError(SettingError):
    """A secret cannot be read, or is set twice; the message names the variables and no secret."""


@contextmanager
def ends_in_a_line() -> Iterator[None]:
    """End a program with the message alone, on standard error, where its settings are wrong."""
    try:
        yield
    except SettingError as error:
        sys.exit(str(error))


def message_of(faults: Iterable[ErrorDetails], prefix: str) -> str:
    """All faults of settings whose fields have this prefix in the environment."""
    return "; ".join(_line(fault, prefix) for fault in faults)


def assignment(variable: str, value: object) -> str:
    """`VARIABLE=value`, or the name alone."""
    return variable if variable.endswith(SECRET) else f"{variable}={value}"


def _line(fault: ErrorDetails, prefix: str) -> str:
    message = fault["msg"].removeprefix("Value error, ")
    if not fault["loc"]:  # of several variables together
        return message
    name = str(fault["loc"][0])  # a field's, or what the field is called in the environment
    variable = f"{prefix}{name}".upper() if name.islower() else name
    if fault["type"] == "missing":
        return f"{variable} is not set"
    return f"{assignment(variable, fault['input'])}: {message}"
