"""A run of Dagster whose process is killed is seen as failed."""

import os
import subprocess
import sys

import dagster as dg
import pytest

from stack.dagster_home import configure_dagster
from stack.environment import Environment
from stack.parts.process import Process
from stack.programs import ROOT, SCRIPTS, program_ports
from tests.waiting import wait_until


@pytest.fixture
def home(state, database):
    """Dagster's home as the stack makes it."""
    elsewhere = {**os.environ, "DAGSTER_DATABASE_URL": database("dagster")}
    environment = Environment(state, state.ports(program_ports()), elsewhere)
    configure_dagster(environment)
    return environment.state.path("dagster")


@pytest.fixture
def in_home(home):
    return {**os.environ, "DAGSTER_HOME": str(home), "PYTHONPATH": str(ROOT)}


@pytest.fixture
def daemon(in_home, tmp_path):
    command = [str(SCRIPTS / "dagster-daemon"), "run", "--empty-workspace"]
    with Process("dagster-daemon", command, tmp_path / "daemon.log", environment=in_home) as process:
        yield process


def wait_for(instance: dg.DagsterInstance, status: dg.DagsterRunStatus, number: int = 1) -> dg.DagsterRun:
    runs = wait_until(lambda: instance.get_runs(dg.RunsFilter(statuses=[status])), lambda found: len(found) >= number)
    return runs[0]


@pytest.mark.faults
@pytest.mark.usefixtures("daemon")
def test_a_run_whose_process_is_killed_is_marked_as_failed_and_one_that_lives_is_not(home, in_home):
    command = [sys.executable, "-W", "ignore", "-m", "tests.stack.blocked_run"]
    doomed, other = (subprocess.Popen(command, env=in_home, stdin=subprocess.PIPE) for _ in range(2))
    with dg.DagsterInstance.from_config(str(home)) as instance, doomed, other:
        wait_for(instance, dg.DagsterRunStatus.STARTED, 2)
        doomed.kill()
        failed = wait_for(instance, dg.DagsterRunStatus.FAILURE)
        assert "ended unexpectedly" in str(instance.all_logs(failed.run_id, dg.DagsterEventType.RUN_FAILURE))
        wait_for(instance, dg.DagsterRunStatus.STARTED)
        other.stdin.close()
        wait_for(instance, dg.DagsterRunStatus.SUCCESS)
