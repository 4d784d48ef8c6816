"""What an error says of what is outside: away for now, too slow, or never taking these values."""

import socket

import psycopg
from psycopg import errors
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

_DATA_ERRORS = (psycopg.DataError, errors.ProgramLimitExceeded, errors.StatementTooComplex)
"""The last two are operational errors to psycopg, yet trying again does not help."""
_OUTAGES = (
    *(OperationalError, InterfaceError, PoolTimeoutError),
    *(psycopg.OperationalError, psycopg.InterfaceError),
    *(ConnectionError, TimeoutError, socket.gaierror),
)


def is_unstorable(error: BaseException) -> bool:
    """Whether an error says that the database will never take these values: of the wrong kind, too long or too many."""
    return isinstance(getattr(error, "orig", error), _DATA_ERRORS)


def is_overdue(error: BaseException) -> bool:
    """Whether a statement took longer than it was granted: it asked for too much, or the database is slow."""
    return isinstance(getattr(error, "orig", error), errors.QueryCanceled)


def is_away(error: BaseException) -> bool:
    """Whether an error says that the database, the broker or another service is out of reach for now.

    A file that is missing, or a statement that takes too long, is no outage: waiting would not end it.
    """
    if is_unstorable(error) or is_overdue(error):
        return False
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return isinstance(error, _OUTAGES) or type(error) is OSError  # the network's, and a full disk, have no class
