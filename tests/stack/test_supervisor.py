import asyncio
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaConsumer

from services.contracts.topics import TOPICS
from stack.children import HUNG, PROBE_SECONDS
from stack.deadlines import WHOLE_STOP_SECONDS
from stack.files import read_json
from stack.parts.process import is_port_free
from stack.programs import PROGRAMS
from stack.state import State
from tests.disks import fill, small_disk
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
STACK = """
import logging, sys
from pathlib import Path
from stack.program import Program
from stack.programs import PROGRAMS
from stack.state import State
from stack.supervisor import supervise

logging.basicConfig(level=logging.INFO)
serve = (sys.executable, "-m", "http.server", "{port}", "--bind", "127.0.0.1", "--directory", "{state}/run")
gateway = next(program for program in PROGRAMS if program.name == "gateway")
tool = Program("dbt-docs", serve, probe="/", tool=True)
broken = Program("mlflow", (sys.executable, "-c", "raise SystemExit('no such thing')"), probe="/", tool=True)
note = "import pathlib, signal, sys, time; " \\
    "signal.signal(signal.SIGTERM, lambda *_: sys.exit(pathlib.Path(sys.argv[1]).write_text('asked'))); time.sleep(300)"
witness = Program("dagster-daemon", (sys.executable, "-c", note, sys.argv[3]), tool=True)
programs = {"whole": [gateway, tool], "broken": [broken], "witness": [witness]}
sys.exit(supervise(State(Path(sys.argv[1])), None, programs[sys.argv[2]]))
"""


def is_gone(pid):
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


class Stack:
    """A supervisor in a process of its own, with the gateway and a tiny tool beside the real servers."""

    def __init__(self, directory, programs="whole", beside=None):
        self.state = State(directory)
        beside = beside or directory.parent
        self.witness = beside / "witness"
        self._log = beside / "supervisor.log"
        command = [sys.executable, "-c", STACK, str(directory), programs, str(self.witness)]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)

    def __enter__(self):
        try:
            wait_until(lambda: self.state.status()["phase"] == "running" or self.process.poll() is not None)
            assert self.process.poll() is None
        except AssertionError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(60)

    def said(self):
        return self._log.read_text()

    def of(self, name):
        return self.state.status()["processes"][name]

    def pids(self):
        return [process["pid"] for process in self.state.status()["processes"].values()]


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    with Stack(tmp_path_factory.mktemp("stack") / "state") as running:
        yield running


def test_a_crashed_program_is_restarted(stack):
    before = stack.of("dbt-docs")
    os.kill(before["pid"], signal.SIGKILL)
    wait_until(lambda: stack.of("dbt-docs")["restarts"] == 1 and stack.of("dbt-docs")["state"] == "ready")
    assert stack.of("dbt-docs")["pid"] != before["pid"]
    assert stack.of("dbt-docs")["address"] == before["address"]


@pytest.mark.faults
def test_a_program_that_hangs_is_not_called_ready_and_restarted(stack):
    before = stack.of("gateway")
    os.kill(before["pid"], signal.SIGSTOP)
    wait_until(lambda: stack.of("gateway")["state"] == "not answering")
    wait_until(lambda: stack.of("gateway")["restarts"] == 1)
    wait_until(lambda: stack.of("gateway")["state"] == "ready")
    assert stack.of("gateway")["trouble"] == "did not respond 3 times in a row"
    assert is_gone(before["pid"])


@pytest.mark.parametrize("program", [each for each in PROGRAMS if each.alive], ids=lambda program: program.name)
def test_a_hang_is_known_after_15_seconds_and_one_of_a_tool_after_a_minute(program):
    longest = PROBE_SECONDS + HUNG * max(program.answers_within, PROBE_SECONDS)
    assert longest <= (60 if program.tool else 15)


def test_a_server_that_hangs_is_not_called_ready_and_left_to_people(stack):
    before = stack.of("valkey")
    os.kill(before["pid"], signal.SIGSTOP)
    wait_until(lambda: stack.of("valkey")["state"] == "not answering")
    os.kill(before["pid"], signal.SIGCONT)
    wait_until(lambda: stack.of("valkey")["state"] == "ready")
    assert (stack.of("valkey")["pid"], stack.of("valkey")["restarts"]) == (before["pid"], before["restarts"])


def test_a_broker_that_lost_its_log_has_its_topics_again_and_nobody_else_is_restarted(stack):
    others = {name: stack.of(name)["pid"] for name in ("gateway", "dbt-docs")}
    os.kill(stack.of("broker")["pid"], signal.SIGKILL)
    wait_until(lambda: stack.of("broker")["restarts"] == 1 and stack.of("broker")["state"] == "ready")

    async def partitions():
        async with AIOKafkaConsumer(bootstrap_servers=f"127.0.0.1:{broker_port(stack)}") as consumer:
            return {name: len(consumer.partitions_for_topic(name)) for name in await consumer.topics()}

    assert asyncio.run(partitions()) == {topic.name: topic.partitions for topic in TOPICS.values()}
    assert {name: stack.of(name)["pid"] for name in others} == others


def broker_port(stack):
    connections = psutil.Process(stack.of("broker")["pid"]).net_connections()
    return next(each.laddr.port for each in connections if each.status == psutil.CONN_LISTEN)


def test_no_process_shows_a_secret_on_its_command_line(stack):
    supervisor = psutil.Process(stack.process.pid)
    shown = " ".join(word for each in (supervisor, *supervisor.children(recursive=True)) for word in each.cmdline())
    assert [name for name, secret in read_json(stack.state.path("secrets.json")).items() if secret in shown] == []


def test_one_state_has_one_supervisor(stack):
    second = subprocess.run(
        [sys.executable, "-m", "stack.supervisor", str(stack.state.directory)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 1
    assert "is already running" in second.stderr


def test_the_demo_refuses_a_stack_that_runs_and_lets_it_run(stack):
    refused = subprocess.run(
        [sys.executable, "-m", "cli", "demo", "--state", str(stack.state.directory)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 1
    assert "is already running: stop it with tanawari down" in refused.stderr
    assert stack.process.poll() is None
    assert stack.of("gateway")["state"] == "ready"


@pytest.mark.faults
@pytest.mark.skipif(sys.platform != "linux", reason="the death signal is a Linux feature")
def test_nothing_is_orphaned_when_the_supervisor_is_killed(tmp_path):
    with Stack(tmp_path / "state") as running:
        pids = running.pids()
        running.process.kill()
        running.process.wait()
        wait_until(lambda: all(map(is_gone, pids)))
        assert running.state.supervisor is None


def test_stopping_ends_everything_drained_and_frees_the_ports(tmp_path):
    with Stack(tmp_path / "state") as running:
        pids, address = running.pids(), running.of("gateway")["address"]
    assert running.process.returncode == 0
    assert all(map(is_gone, pids))
    assert is_port_free(int(address.rpartition(":")[2]))
    assert running.state.status()["phase"] == "stopped"


@pytest.mark.faults
def test_a_stack_whose_state_was_removed_stops_and_leaves_nothing_there(tmp_path):
    with Stack(tmp_path / "state", beside=tmp_path) as running:
        pids = running.pids()
        shutil.rmtree(running.state.directory)
        assert running.process.wait(WHOLE_STOP_SECONDS) == 1
        assert "state was removed" in running.said()
        assert all(map(is_gone, pids))
        assert not running.state.directory.exists()


@pytest.mark.faults
def test_on_a_full_disk_it_runs_on_and_stops_in_order(tmp_path):
    with small_disk(tmp_path / "disk", 400) as disk, Stack(disk / "state", "witness", tmp_path) as running:
        fill(disk, leaving_kb=0)
        os.kill(running.of("valkey")["pid"], signal.SIGKILL)
        wait_until(lambda: "cannot be written" in running.said())
        assert running.process.poll() is None
        running.process.terminate()
        running.process.wait(WHOLE_STOP_SECONDS)
        assert running.witness.read_text() == "asked"
        wait_until(lambda: all(map(is_gone, running.pids())))


def test_a_program_that_cannot_start_is_named_with_its_last_words(tmp_path):
    broken = Stack(tmp_path / "state", "broken")
    assert broken.process.wait(90) == 1
    assert "mlflow did not start: no such thing" in broken.state.status()["error"]
