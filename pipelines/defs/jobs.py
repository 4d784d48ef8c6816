"""The jobs."""

import dagster as dg

from pipelines.dbt import invoke
from pipelines.defs.transformation.assets import BUILD, PROJECT

refresh = dg.define_asset_job(
    "refresh",
    selection=dg.AssetSelection.all(),
    executor_def=dg.in_process_executor,
    description="From topic to shelf: land, transform, train, evaluate, judge, publish. Pick today as the partition.",
)


@dg.op
def rebuild(context: dg.OpExecutionContext) -> None:
    """Build every model from all that has landed, beside the marts, and replace them at once."""
    target = ("--target-path", str(PROJECT.manifest_path.parent))
    done = invoke([*BUILD, "--full-refresh", *target], started_by=f"Dagster's run {context.run_id}")
    if not done.success:
        raise dg.Failure(f"dbt failed, the marts are as they were: {done.exception or 'see its output'}")


@dg.job(executor_def=dg.in_process_executor)
def full_refresh() -> None:
    """Rebuild all marts, after a change of the time zone, a rule or a seed; readers see the old ones until the end."""
    rebuild()
