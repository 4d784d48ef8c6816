"""A job of Dagster ends with the command that runs it."""

import os
import signal
import subprocess
import sys

import dagster as dg
import psutil
import pytest

from stack.dagster_home import configure_dagster
from stack.environment import Environment
from stack.programs import ROOT, program_ports
from tests.waiting import wait_until

COMMAND = """
import sys
from pathlib import Path
from cli.command import end_by_sigterm_too
from stack.environment import Environment
from stack.programs import program_ports
from stack.programs import SCRIPTS
from stack.refresh import run_to_end
from stack.state import State

state = State(Path(sys.argv[1]))
job = [str(SCRIPTS / "dagster"), "job", "execute", "-m", "tests.stack.blocked_run", "-j", "endless"]
end_by_sigterm_too()
run_to_end("endless", job, Environment(state, state.ports(program_ports())), lambda _: None)
"""


@pytest.fixture
def outside(state, database):
    """The environment of a command whose Dagster has its home as the stack makes it."""
    outside = {**os.environ, "DAGSTER_DATABASE_URL": database("dagster")}
    configure_dagster(Environment(state, state.ports(program_ports()), outside))
    return outside


@pytest.mark.faults
@pytest.mark.skipif(sys.platform != "linux", reason="the death signal is a Linux feature")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_a_job_ends_with_its_command_and_so_does_what_hears_no_signal(state, outside, number):
    command = subprocess.Popen([sys.executable, "-c", COMMAND, str(state.directory)], cwd=ROOT, env=outside)
    with command:
        family = psutil.Process(command.pid)
        wait_until(lambda: any(child.name() == "sleep" for child in family.children(recursive=True)))
        children = family.children(recursive=True)
        command.send_signal(number)
        command.wait(40)
    psutil.wait_procs(children, timeout=40)
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    with dg.DagsterInstance.from_config(str(state.path("dagster"))) as instance:
        assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.FAILURE]
