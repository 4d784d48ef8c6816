"""A Dagster run launcher that knows whether the process of a run is alive.

`dagster.yaml` names it. Only Dagster's own processes import it, because importing Dagster takes seconds.
"""

import dagster as dg
import psutil
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus
from dagster._serdes import ConfigurableClassData

from stack.process_identity import is_alive, start_of


class WatchedRunLauncher(DefaultRunLauncher):
    """Dagster's default launcher, which also tells the daemon that the process of a run has died.

    The daemon marks such a run as failed, and it can be re-executed from the failed step. Without this, a killed run
    would be shown as running forever: Dagster only knows runs of its code server, while that server is alive.
    """

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(inst_data)
        self._starts: dict[str, str] = {}

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Whether the daemon may call the check: yes."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether the process that started a run is alive on this machine."""
        started = dg.DagsterEventType.RUN_START
        for entry in self._instance.event_log_storage.get_logs_for_run(run.run_id, of_type=started, limit=1):
            process = entry.get_dagster_event().pid
            if process is not None and not self._is_alive(run.run_id, process, entry.timestamp):
                return CheckRunHealthResult(WorkerStatus.FAILED, f"its process, {process}, ended unexpectedly")
        return CheckRunHealthResult(WorkerStatus.RUNNING)

    def _is_alive(self, run_id: str, pid: int, at: float) -> bool:
        """Whether the process that had this pid at that time is alive; the pid may have been reused.

        Only the first check, some seconds after the start, compares times: the clock may be set later.
        """
        try:
            if run_id not in self._starts and psutil.Process(pid).create_time() <= at:
                self._starts[run_id] = start_of(pid)
        except (OSError, psutil.NoSuchProcess):
            return False
        return is_alive(pid, self._starts.get(run_id, ""))
