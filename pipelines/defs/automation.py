"""What runs by itself, and who is told when a run fails."""

import dagster as dg
import httpx2

from pipelines.defs.jobs import refresh
from pipelines.defs.partitions import today
from pipelines.settings import settings


@dg.schedule(
    job=refresh,
    cron_schedule="0 3 * * *",
    execution_timezone=settings().tanawari_timezone,
    default_status=(
        dg.DefaultScheduleStatus.RUNNING if settings().tanawari_nightly_refresh else dg.DefaultScheduleStatus.STOPPED
    ),
)
def nightly_refresh() -> dg.RunRequest:
    """From topic to shelf at three in the morning of the shop, for the day that has begun."""
    return dg.RunRequest(partition_key=today())


@dg.run_failure_sensor(
    minimum_interval_seconds=30,
    default_status=(
        dg.DefaultSensorStatus.RUNNING if settings().tanawari_alert_webhook else dg.DefaultSensorStatus.STOPPED
    ),
)
def tell_of_failed_runs(context: dg.RunFailureSensorContext) -> None:
    """Post the job and the error of a failed run to `TANAWARI_ALERT_WEBHOOK`, if there is one."""
    webhook = settings().tanawari_alert_webhook
    if webhook:
        run = context.dagster_run
        text = f"{run.job_name} failed ({run.run_id}): {context.failure_event.message}"
        httpx2.post(webhook, json={"text": text}, timeout=10).raise_for_status()
