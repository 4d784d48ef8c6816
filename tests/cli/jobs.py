"""Jobs of Dagster that are named as ours, and end at once: one well, one not."""

import dagster as dg

DAYS = dg.DailyPartitionsDefinition("2026-11-01", end_offset=1)


@dg.asset(partitions_def=DAYS)
def shelves(context: dg.AssetExecutionContext) -> None:
    context.log.info(context.partition_key)


@dg.op
def go_back() -> None:
    raise RuntimeError("nothing was there before")


@dg.job
def rollback() -> None:
    go_back()


definitions = dg.Definitions(assets=[shelves], jobs=[dg.define_asset_job("refresh", [shelves]), rollback])
