import dagster as dg
import psutil
import pytest
from dagster._core.launcher import WorkerStatus

LAUNCHER = {"run_launcher": {"module": "stack.run_launcher", "class": "WatchedRunLauncher"}}


@dg.job
def nothing():
    pass


@pytest.fixture
def health():
    """The health of a run of this process."""
    with dg.instance_for_test(overrides=LAUNCHER) as instance:
        run = nothing.execute_in_process(instance=instance).dagster_run
        yield lambda: instance.run_launcher.check_run_worker_health(run).status


@pytest.fixture
def set_clock(monkeypatch):
    """Sets the clock forward by an hour, as after a suspended machine goes on."""
    booted_at = psutil.boot_time()
    return lambda: monkeypatch.setattr("psutil._pslinux.boot_time", lambda: booted_at + 3600)


def test_a_clock_that_is_set_ends_no_run(health, set_clock):
    assert health() == WorkerStatus.RUNNING
    set_clock()
    assert health() == WorkerStatus.RUNNING


def test_a_process_that_began_after_the_run_is_another_one(health, set_clock):
    set_clock()
    assert health() == WorkerStatus.FAILED
