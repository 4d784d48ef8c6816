"""Run a program that starts others, and let none of them outlive it: `keeper.py PROGRAM ...`.

MLflow's and Dagster's servers start processes of their own, which a death signal for the program alone would orphan.
The keeper leads the session that they all belong to. However the program ends, and also when the keeper's own parent
dies, the whole session is asked to end. Run as a script of its own (`python -I -S`), for it should cost little.
"""

import ctypes
import os
import signal
import subprocess
import sys

PR_SET_PDEATHSIG = 1


def main(*program: str) -> int:
    """Run the program to its end; its exit code."""

    def end(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(0, signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM))  # instead of the tether's, which leaves no time
    code = subprocess.Popen(program).wait()  # noqa: S603 - composed by the stack
    end()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
