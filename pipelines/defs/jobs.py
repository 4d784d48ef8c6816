"""The jobs."""

import dagster as dg

refresh = dg.define_asset_job(
    "refresh",
    selection=dg.AssetSelection.all(),
    executor_def=dg.in_process_executor,
    description="From topic to shelf: land, transform, train, evaluate, judge, publish. Pick today as the partition.",
)
