"""The accepted configuration, fitted on all data, as an immutable bundle."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from ml.bundle.bundle import About, BundleError, write
from ml.shelves.composing import Rules
from ml.training.assembly import content_of
from ml.training.configuration import POPULARITY_MODELS, TrainingConfig, fit_all
from pipelines.day import Figures, Passed
from pipelines.defs.partitions import days
from pipelines.defs.training import checks
from pipelines.defs.training.challenger import accepted
from pipelines.settings import settings
from pipelines.training_set import TrainingSet


@dg.asset(
    key=["training", "bundle"],
    group_name="training",
    kinds={"numpy"},
    partitions_def=days,
    deps=[["training", "challenger"], ["training", "evaluation"]],
    check_specs=checks.specs(["training", "bundle"]),
)
def bundle(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
    """Everything that serving needs for scoring: lists, neighbours, factors, purchase history and the items."""
    day = settings().training / context.partition_key
    found, judgement, figures = TrainingSet.read(day), accepted(day), Figures.read(day)
    if (figures.configuration, figures.data) != (judgement.configuration, judgement.data):
        said = "the evaluation is of another configuration or training set: run training/evaluation again"
        raise dg.Failure(said, allow_retries=False)
    rules, dataset = Rules.load(), found.dataset()
    because = judgement.decision.popularity_because
    wanted = POPULARITY_MODELS if because else None
    fitted = fit_all(dataset, TrainingConfig.model_validate(judgement.configuration), wanted)
    for name, reason in fitted.skipped.items():
        context.log.warning("%s is left out: %s", name, reason)
    now = datetime.now(UTC)
    about = About(
        created_at=now,
        data_cut=found.data_cut,
        rules_version=rules.version,
        data_hash=judgement.data,
        purchase_lines=found.interactions.height,
        configuration=judgement.configuration,
        metrics=figures.metrics,
        shelves=figures.shelves,
        popularity_because=because,
    )
    bundle_id = f"{now:%Y%m%dT%H%M%S%fZ}"
    try:
        content = content_of(dataset, fitted, rules.candidate_sources(), found.activity)
        manifest = write(settings().bundles / bundle_id, content, about)
    except BundleError as error:
        raise dg.Failure(f"{error.reason}: {error}", allow_retries=False) from error
    results = checks.run_all(settings().bundles / bundle_id)
    if checks.nothing_blocks(results):
        Passed(bundle=bundle_id, judgement=judgement).put(day)
    yield dg.MaterializeResult(
        metadata={
            "bundle": bundle_id,
            "path": dg.MetadataValue.path(settings().bundles / bundle_id),
            "files": len(manifest.files),
            "seconds_by_model": dg.MetadataValue.json(fitted.seconds),
            "skipped": dg.MetadataValue.json(fitted.skipped),
            **judgement.stated,
        },
        check_results=results,
    )
