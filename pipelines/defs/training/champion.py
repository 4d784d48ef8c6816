"""The bundle in use."""

import json

import dagster as dg

from ml import tracking
from ml.bundle import Champion
from ml.bundle_files import read_manifest
from pipelines.settings import settings


@dg.asset(
    key=["training", "champion"],
    group_name="training",
    kinds={"mlflow"},
    deps=[dg.AssetDep(["training", "bundle"], partition_mapping=dg.LastPartitionMapping())],
)
def champion(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    """The newest day's bundle, logged in MLflow with how it was made and judged, and named for serving to take.

    A backfill of an earlier day makes that day's bundle, and changes nothing here.
    """
    bundles = settings().bundles
    day = max(file.parent for file in settings().training.glob("*/bundle"))
    bundle_id = (day / "bundle").read_text()
    before = Champion.read(bundles)
    if before is not None and before.bundle == bundle_id:
        return dg.MaterializeResult(metadata={"bundle": bundle_id, "unchanged": True})
    manifest = read_manifest(bundles / bundle_id)
    judgement = json.loads((day / "candidate.json").read_text())
    run_id = tracking.log_run(
        bundle_id,
        {**manifest.configuration, "decision": judgement["reason"], "day": day.name},
        manifest.metrics,
        {"report": day / "report", "judgement": day / "candidate.json", tracking.BUNDLE: bundles / bundle_id},
    )
    tracking.promote(tracking.register(run_id, bundle_id, json.dumps(manifest.configuration)))
    # Serving watches this file: it is the last step, so that nothing is served which MLflow does not know.
    Champion(
        bundle=bundle_id,
        previous=before.bundle if before else None,
        generation=before.generation if before else None,
        previous_generation=before.previous_generation if before else None,
    ).put(bundles)
    context.log.info("%s is the champion: %s", bundle_id, judgement["detail"])
    return dg.MaterializeResult(metadata={"bundle": bundle_id, "mlflow_run": run_id, **manifest.metrics})
