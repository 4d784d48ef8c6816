"""Become another program, which ends with its parent: `parent_death.py PARENT_PID DEATH_SIGNAL USER_ID PROGRAM ...`.

It is a separate script (`python -I -S`): a process with threads must run no Python code between fork and exec.
USER_ID -1 keeps the user. The death signal is a Linux feature; elsewhere the program runs without it.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, death_signal: int, user_id: int, *program: str) -> None:
    """Drop privileges, request the death signal (in this order: a change of user clears it), become the program."""
    if user_id >= 0:
        os.setgroups([])
        os.setgid(user_id)
        os.setuid(user_id)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal)
    if os.getppid() != parent:  # it died before the request
        sys.exit(1)
    os.execvp(program[0], program)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
