"""A demo that is killed halfway, and started again."""

import json
import os
import signal
from pathlib import Path

import pytest

from tests.e2e.demo_process import (
    PATIENCE_SECONDS,
    assert_accounted,
    processes_of,
    served_demo,
    start_demo,
    wait_for_line,
)
from tests.waiting import wait_until

pytestmark = pytest.mark.faults


@pytest.mark.timeout(2 * PATIENCE_SECONDS + 60)
def test_a_demo_that_is_killed_when_all_is_sent_goes_on_from_there_and_accounts_for_every_event(tmp_path: Path):
    state, log = tmp_path / "state", tmp_path / "demo.log"
    first = start_demo(state, log)
    try:
        wait_for_line(first, log, "✓ events")
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    wait_until(lambda: processes_of(state), lambda left: left == [])

    with served_demo(state, log):
        made = json.loads((state / "demo.json").read_text())

    assert_accounted(made["events"])
