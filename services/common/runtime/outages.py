"""Classifies errors of external parts: unavailable for now, too slow, or values that will never be accepted."""

import socket

import psycopg
from psycopg import errors
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from services.common.runtime.errors import Unavailable

_DATA_ERRORS = (psycopg.DataError, errors.ProgramLimitExceeded, errors.StatementTooComplex)
"""psycopg calls the last two operational errors, but a retry does not help."""
_OUTAGES = (
    *(psycopg.OperationalError, psycopg.InterfaceError, PoolTimeoutError),
    *(ConnectionError, TimeoutError, socket.gaierror),
    Unavailable,  # as a client of another service says it
    errors.ReadOnlySqlTransaction,  # a standby, or a server that was made read-only because its disk is almost full
)


def is_unstorable(error: BaseException) -> bool:
    """Whether the database will never accept these values: wrong type, too long or too many."""
    return isinstance(getattr(error, "orig", error), _DATA_ERRORS)


def is_overdue(error: BaseException) -> bool:
    """Whether a statement exceeded its time limit: it asked for too much, or the database is slow."""
    return isinstance(getattr(error, "orig", error), errors.QueryCanceled)


def is_unavailable(error: BaseException) -> bool:
    """Whether the database, the broker or another service is unavailable for now.

    A missing file or a slow statement is not an outage: waiting would not end it.
    """
    if is_unstorable(error) or is_overdue(error):
        return False
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    cause = getattr(error, "orig", error)
    return isinstance(cause, _OUTAGES) or type(cause) is OSError  # network errors and a full disk have no class
