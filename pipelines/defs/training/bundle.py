"""The accepted configuration, fitted on everything, as an immutable bundle."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg
import numpy as np
import polars as pl

from ml import columns as c
from ml.assemble import CANDIDATES, assemble
from ml.bundle import About, BundleError, write
from ml.bundle_content import BundleContent
from ml.recommenders import ContentBased, ItemKNN
from ml.shelves import Rules
from ml.training import Fitted, TrainingConfig, fit_all
from pipelines.defs.partitions import days
from pipelines.defs.training import checks
from pipelines.settings import settings
from pipelines.training_set import TrainingSet

NEIGHBOURS = 20


@dg.asset(
    key=["training", "bundle"],
    group_name="training",
    kinds={"numpy"},
    partitions_def=days,
    deps=[["training", "candidate"], ["training", "evaluation"]],
    check_specs=checks.specs(["training", "bundle"]),
)
def bundle(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
    """Everything that serving needs to score: lists, neighbours, factors, purchase history and the items."""
    directory = settings().training / context.partition_key
    found = TrainingSet.read(directory)
    config = TrainingConfig.model_validate(json.loads((directory / "candidate.json").read_text())["configuration"])
    rules = Rules.load()
    fitted = fit_all(found.dataset(), config)
    for name, reason in fitted.skipped.items():
        context.log.warning("%s is left out: %s", name, reason)
    now = datetime.now(UTC)
    about = About(
        created_at=now,
        data_cut=found.data_cut,
        rules_version=rules.version,
        configuration=config.model_dump(mode="json"),
        metrics=json.loads((directory / "metrics.json").read_text()),
    )
    bundle_id = f"{now:%Y%m%dT%H%M%SZ}"
    try:
        manifest = write(settings().bundles / bundle_id, content(found, fitted, rules), about)
    except BundleError as error:
        raise dg.Failure(f"{error.reason}: {error}", allow_retries=False) from error
    (directory / "bundle").write_text(bundle_id)
    yield dg.MaterializeResult(
        metadata={
            "bundle": bundle_id,
            "path": dg.MetadataValue.path(settings().bundles / bundle_id),
            "files": len(manifest.files),
            "seconds_by_model": dg.MetadataValue.json(fitted.seconds),
            "skipped": dg.MetadataValue.json(fitted.skipped),
        },
        check_results=checks.judge(settings().bundles / bundle_id),
    )


def content(found: TrainingSet, fitted: Fitted, rules: Rules) -> BundleContent:
    """What the models say, as a bundle holds it; popularity stands in for a list that too little data left out."""
    dataset = found.dataset()
    models = fitted.models
    lists = {
        source: models.get(source, models["popularity"]).recommend(k=CANDIDATES, exclude_seen=source == "discover")
        for source in rules.candidate_sources()
    }
    no_factors = np.zeros((len(dataset.items), 0), dtype=np.float32)
    factors = getattr(models.get("als"), "item_factors", no_factors)
    return assemble(dataset, lists, similar(fitted), factors, found.activity)


def similar(fitted: Fitted) -> pl.DataFrame:
    """Each item's neighbours: those bought by the same shoppers, or, for an item nobody bought, those like it."""
    lists = [model.similar(NEIGHBOURS) for model in fitted.models.values() if isinstance(model, ItemKNN | ContentBased)]
    if not lists:
        return pl.DataFrame(schema={c.ITEM: pl.Int64, c.NEIGHBOUR: pl.Int64, c.SCORE: pl.Float32, c.RANK: pl.Int32})
    bought, *described = lists  # in the order in which they are fitted
    return pl.concat([bought, *(others.join(bought, on=c.ITEM, how="anti") for others in described)])
