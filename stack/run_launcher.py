"""A Dagster run launcher that knows whether the process of a run is alive.

`dagster.yaml` names it. Only Dagster's own processes import it, because importing Dagster takes seconds.
"""

import dagster as dg
import psutil
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus


class WatchedRunLauncher(DefaultRunLauncher):
    """Dagster's default launcher, which also tells the daemon that the process of a run has died.

    The daemon marks such a run as failed, and it can be re-executed from the failed step. Without this, a killed run
    would be shown as running forever: Dagster only knows runs of its code server, while that server is alive.
    """

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Whether the daemon may call the check: yes."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether the process that started a run is alive on this machine."""
        started = dg.DagsterEventType.RUN_START
        for entry in self._instance.event_log_storage.get_logs_for_run(run.run_id, of_type=started, limit=1):
            process = entry.get_dagster_event().pid
            if process is not None and not _is_alive(process, entry.timestamp):
                return CheckRunHealthResult(WorkerStatus.FAILED, f"its process, {process}, ended unexpectedly")
        return CheckRunHealthResult(WorkerStatus.RUNNING)


def _is_alive(pid: int, at: float) -> bool:
    """Whether the process that had this pid at that time is alive; the pid may have been reused."""
    try:
        process = psutil.Process(pid)
        return process.create_time() <= at and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
