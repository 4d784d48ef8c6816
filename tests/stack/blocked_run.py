"""Runs of Dagster that wait: until standard input ends (`python -m tests.stack.blocked_run`), and for a deaf child."""

import subprocess
import sys

import dagster as dg


@dg.op
def wait() -> None:
    sys.stdin.read()


@dg.job(executor_def=dg.in_process_executor)
def blocked() -> None:
    wait()


@dg.op
def wait_for_a_deaf_child() -> None:
    subprocess.Popen(["env", "--ignore-signal=TERM,INT", "sleep", "300"]).wait()


@dg.job(executor_def=dg.in_process_executor)
def endless() -> None:
    wait_for_a_deaf_child()


definitions = dg.Definitions(jobs=[blocked, endless])


def main() -> None:
    with dg.DagsterInstance.get() as instance:
        blocked.execute_in_process(instance=instance)


if __name__ == "__main__":
    main()
