import errno
import socket

import pytest
from psycopg import errors

from services.common.runtime.errors import Unavailable
from services.common.runtime.outages import is_unavailable


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(),
        TimeoutError(),
        socket.gaierror(),
        OSError(errno.ENETUNREACH, "unreachable"),
        errors.AdminShutdown(),
        errors.LockNotAvailable(),
        errors.DiskFull(),
        Unavailable(),
    ],
)
def test_what_ends_by_itself_is_waited_for(error):
    assert is_unavailable(error)


@pytest.mark.parametrize(
    "error", [FileNotFoundError(), PermissionError(), errors.QueryCanceled(), errors.NumericValueOutOfRange()]
)
def test_what_waiting_does_not_end_is_no_outage(error):
    assert not is_unavailable(error)
