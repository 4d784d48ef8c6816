"""What stands still for a moment is not left so, and what cannot be started for a moment is tried again."""

import errno
import os
import signal
import subprocess
import sys
from unittest.mock import Mock

import psutil
import pytest

from stack.children import HUNG, Child, Phase
from stack.parts.process import Process
from stack.programs import ROOT
from tests.waiting import wait_until

FREEZER = """
import sys, time, psutil
from pathlib import Path
from stack.children import Child, frozen
from stack.parts.process import Process, with_subreaper
from tests.waiting import wait_until

process = Process("family", with_subreaper(("sleep", "300")), Path(sys.argv[1]))
process.spawn()
wait_until(lambda: [each.name() for each in psutil.Process(process.pid).children()] == ["sleep"])
with frozen([Child(process)]):
    print(process.pid, flush=True)
    time.sleep(300)
"""


@pytest.mark.repeated
@pytest.mark.skipif(sys.platform != "linux", reason="the death signal is a Linux feature")
def test_who_is_killed_while_programs_stand_still_leaves_none_of_them(tmp_path):
    command = [sys.executable, "-c", FREEZER, str(tmp_path / "log")]
    freezer = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        subreaper = psutil.Process(int(freezer.stdout.readline()))
        (sleep,) = subreaper.children()
        wait_until(lambda: sleep.status() == psutil.STATUS_STOPPED and subreaper.status() != psutil.STATUS_STOPPED)
    finally:
        freezer.kill()
        freezer.communicate()
    wait_until(lambda: not any(map(lives, (subreaper, sleep))))


def test_one_that_cannot_be_started_again_is_tried_again_and_ends_no_other(tmp_path):
    child = Child(Process("once", [sys.executable, "-c", "pass"], tmp_path / "log"))
    child.start()
    wait_until(lambda: child.watch() and child.phase is Phase.WAITING)
    child.restart = Mock(side_effect=[OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), None])
    wait_until(lambda: (child.watch(), child.restart.call_count == 2)[1])
    assert child.trouble == "[Errno 28] No space left on device"
    assert child.restarts == 2


def test_a_server_that_ends_while_it_does_not_answer_is_told_by_its_exit_code(tmp_path, monkeypatch):
    monkeypatch.setattr("stack.children.PROBE_SECONDS", 0.0)
    asked = []
    child = Child(Process("server", ["sleep", "300"], tmp_path / "log"), is_alive=lambda: asked.append(1))
    child.start()
    wait_until(lambda: (child.watch(), len(asked) > HUNG)[1])
    child.process.kill()
    wait_until(lambda: (child.watch(), child.phase is Phase.WAITING)[1])
    assert child.trouble == f"exit code {-signal.SIGKILL}"


def lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
