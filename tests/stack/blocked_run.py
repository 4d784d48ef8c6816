"""A run of Dagster that waits until its standard input ends: `python -m tests.stack.blocked_run`."""

import sys

import dagster as dg


@dg.op
def wait() -> None:
    sys.stdin.read()


@dg.job(executor_def=dg.in_process_executor)
def blocked() -> None:
    wait()


def main() -> None:
    with dg.DagsterInstance.get() as instance:
        blocked.execute_in_process(instance=instance)


if __name__ == "__main__":
    main()
