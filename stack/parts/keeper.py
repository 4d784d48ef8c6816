"""Run a program that starts others, and let none of them outlive it: `keeper.py PROGRAM ...`.

MLflow's and Dagster's servers start processes of their own, which a death signal for the program alone would orphan.
The keeper leads the session that they all belong to. However the program ends, and also when the keeper's own parent
dies, the whole session is asked to end, and killed if it does not. Run as a script of its own (`python -I -S`), for it
should cost little.
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
        control(PR_SET_PDEATHSIG, int(signal.SIGTERM))  # instead of the tether's, which leaves no time
        control(PR_SET_CHILD_SUBREAPER, 1)  # whom the program leaves behind becomes our child
    started = os.spawnvp(os.P_NOWAIT, program[0], program)  # noqa: S606 - composed by the stack
    code = 0
    with contextlib.suppress(ChildProcessError):  # nobody is left
        while True:
            ended, status = os.wait()
            if ended == started:
                code = os.waitstatus_to_exitcode(status)
                end()
    return code if code >= 0 else 128 - code


def end(*_: object) -> None:
    """Ask the whole session to end, and give it some time."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.alarm(GRACE_SECONDS)
    os.killpg(0, signal.SIGTERM)
    os.killpg(0, signal.SIGCONT)  # who stands still hears nothing


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
