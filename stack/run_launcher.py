"""Dagster's runs on this machine, and whether the process of one still lives.

`dagster.yaml` names it. It is imported by Dagster's own processes only, for importing Dagster takes seconds.
"""

import dagster as dg
import psutil
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus


class WatchedRunLauncher(DefaultRunLauncher):
    """Launches runs as Dagster does by itself, and tells its daemon which have lost their process.

    The daemon marks such a run as failed, and it can be taken up where it was. Without that, a run whose process was
    killed would be shown as running for ever: Dagster sees only those that its code server has started, while that
    lives.
    """

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Whether the daemon may ask: yes."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether the process that began a run still lives, on this machine."""
        started = dg.DagsterEventType.RUN_START
        for entry in self._instance.event_log_storage.get_logs_for_run(run.run_id, of_type=started, limit=1):
            process = entry.get_dagster_event().pid
            if process is not None and not _lives(process, entry.timestamp):
                return CheckRunHealthResult(WorkerStatus.FAILED, f"its process, {process}, ended unexpectedly")
        return CheckRunHealthResult(WorkerStatus.RUNNING)


def _lives(number: int, at: float) -> bool:
    """Whether the process that had a number at a time still runs; the number may have been given to another since."""
    try:
        process = psutil.Process(number)
        return process.create_time() <= at and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
