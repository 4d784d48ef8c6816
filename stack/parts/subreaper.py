"""Run a program so that no process that it starts outlives it: `subreaper.py PROGRAM ...`.

MLflow's and Dagster's servers start processes of their own, which a death signal for the program alone would orphan.
When the program ends, or the parent of the subreaper dies, the whole session gets SIGTERM, and SIGKILL if it does not
end in time. It is a separate script (`python -I -S`), because it must start fast.
"""

import contextlib
import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
GRACE_SECONDS = 10


def main(*program: str) -> int:
    """Run the program to its end; its exit code."""
    signal.signal(signal.SIGALRM, lambda *_: os.killpg(0, signal.SIGKILL))
    signal.signal(signal.SIGTERM, end)
    if sys.platform == "linux":
        control = ctypes.CDLL(None).prctl
        control(PR_SET_PDEATHSIG, int(signal.SIGTERM))  # replaces SIGKILL, which leaves no time
        control(PR_SET_CHILD_SUBREAPER, 1)  # adopts what the program leaves behind
    started = os.spawnvp(os.P_NOWAIT, program[0], program)  # noqa: S606 - composed by the stack
    code = 0
    with contextlib.suppress(ChildProcessError):  # there are no children left
        while True:
            ended, status = os.wait()
            if ended == started:
                code = os.waitstatus_to_exitcode(status)
                end()
    return code if code >= 0 else 128 - code


def end(*_: object) -> None:
    """End the whole session: SIGTERM, then SIGKILL after `GRACE_SECONDS`."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.alarm(GRACE_SECONDS)
    os.killpg(0, signal.SIGTERM)
    os.killpg(0, signal.SIGCONT)  # a stopped process receives no SIGTERM


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
