"""What runs by itself, and who is told when a run or a check of the data fails."""

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
    """Runs `refresh` daily at 03:00 in the shop's time zone, for the current day."""
    return dg.RunRequest(partition_key=today())


class UnavailableError(dg.DagsterError):
    """The webhook does not take anything now. Any other kind of error would make Dagster go on with the next run."""


_IF_TOLD = dg.DefaultSensorStatus.RUNNING if settings().tanawari_alert_webhook else dg.DefaultSensorStatus.STOPPED


@dg.run_failure_sensor(minimum_interval_seconds=30, default_status=_IF_TOLD)
def tell_of_failed_runs(context: dg.RunFailureSensorContext) -> None:
    """Post the job, the error and the failed checks of a failed run to `TANAWARI_ALERT_WEBHOOK`, if there is one."""
    run = context.dagster_run
    error = f"{run.job_name} failed ({run.run_id}): {context.failure_event.message}"
    _tell("\n".join((error, *_failed_checks(context))))


@dg.run_status_sensor(run_status=dg.DagsterRunStatus.SUCCESS, minimum_interval_seconds=30, default_status=_IF_TOLD)
def tell_of_failed_checks(context: dg.RunStatusSensorContext) -> None:
    """Post the asset checks that did not pass in a run that went on all the same; to the same webhook."""
    if failed := _failed_checks(context):
        run = context.dagster_run
        _tell("\n".join((f"{run.job_name} ended with failed checks ({run.run_id}):", *failed)))


def _failed_checks(context: dg.RunStatusSensorContext) -> list[str]:
    kind = dg.DagsterEventType.ASSET_CHECK_EVALUATION
    records = context.instance.get_records_for_run(context.dagster_run.run_id, of_type=kind).records
    events = (record.event_log_entry.get_dagster_event() for record in records)
    checks = (event.asset_check_evaluation_data for event in events)
    return [
        f"{each.asset_key.to_user_string()}: {each.check_name}: {each.description or 'no details'}"
        for each in checks
        if not each.passed
    ]


def _tell(text: str) -> None:
    """Post it; while the webhook is away, the sensor fails and begins with the same run again.

    Raises:
        UnavailableError: it does not answer, or asks for patience.
        httpx2.HTTPStatusError: it refuses this text, and would do so again.
    """
    if not (webhook := settings().tanawari_alert_webhook):
        return
    try:
        answer = httpx2.post(webhook, json={"text": text}, timeout=10)
    except httpx2.TransportError as error:
        raise UnavailableError(f"the webhook does not answer: {error or type(error).__name__}") from error
    if answer.is_server_error or answer.status_code == httpx2.codes.TOO_MANY_REQUESTS:
        raise UnavailableError(f"the webhook answered {answer.status_code}")
    answer.raise_for_status()
