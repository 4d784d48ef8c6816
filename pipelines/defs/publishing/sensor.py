"""Publishes the champion's shelves, however it became champion, with retries."""

from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg
import httpx2

from ml.bundle.champion import Champion
from pipelines.content import Content, ContentFailedError
from pipelines.defs.jobs import refresh
from pipelines.defs.publishing.assets import top_page_display
from pipelines.defs.publishing.rollback import rollback
from pipelines.settings import settings

BUNDLE: Final = "tanawari/bundle"
"""The tag of a publishing run: its bundle."""
BREAK: Final = timedelta(minutes=10)
"""The pause between two attempts."""


@dg.sensor(target=top_page_display, minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.RUNNING)
def follow_the_champion(context: dg.SensorEvaluationContext, content: Content) -> dg.RunRequest | dg.SkipReason:
    """Publishes the champion's shelves while content shows others: immediately, then every ten minutes.

    A champion may have no shelves: created outside `refresh`, or by a run that failed afterwards.
    """
    champion = Champion.read(settings().bundles)
    if champion is None:
        return dg.SkipReason("there is no champion yet")
    if is_busy(context.instance):
        return dg.SkipReason("a run that changes the champion or its shelves is under way")
    try:
        shown = content.shown()
    except (ContentFailedError, httpx2.TransportError) as error:
        return dg.SkipReason(f"content does not say what it shows: {error}")
    if shown is not None and shown == champion.generation:
        return dg.SkipReason(f"shoppers are shown {shown}, which is the champion's")
    tags = {BUNDLE: champion.bundle}
    tried = context.instance.get_run_records(dg.RunsFilter(tags=tags), limit=1)
    if tried and datetime.now(UTC) - tried[0].create_timestamp < BREAK:
        return dg.SkipReason(f"it was tried by {tried[0].dagster_run.run_id}: the next attempt follows")
    return dg.RunRequest(tags=tags)


def is_busy(instance: dg.DagsterInstance) -> bool:
    """Whether a run is in progress that may change shelves or champion."""
    under_way = [
        dg.DagsterRunStatus.QUEUED,
        dg.DagsterRunStatus.NOT_STARTED,
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
        dg.DagsterRunStatus.CANCELING,
    ]
    return any(
        run.job_name in (refresh.name, rollback.name) or top_page_display.key in (run.asset_selection or ())
        for run in instance.get_runs(dg.RunsFilter(statuses=under_way))
    )
