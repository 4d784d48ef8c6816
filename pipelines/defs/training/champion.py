"""The bundle in use."""

import json
from contextlib import suppress
from pathlib import Path

import dagster as dg

from ml import tracking
from ml.bundle.bundle import Bundle, BundleError
from ml.bundle.champion import Champion, ChampionChangedError
from ml.bundle.files import Manifest, read_manifest
from ml.shelves.composing import Rules
from pipelines.day import Judgement, Passed
from pipelines.defs.training.evaluation import REPORT
from pipelines.freshness import EVERY_NIGHT
from pipelines.settings import settings


@dg.asset(
    key=["training", "champion"],
    group_name="training",
    kinds={"mlflow"},
    freshness_policy=EVERY_NIGHT,
    deps=[dg.AssetDep(["training", "bundle"], partition_mapping=dg.LastPartitionMapping())],
)
def champion(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    """The newest day's bundle, logged in MLflow with its configuration and judgement, and named in `champion.json`.

    A backfill of an earlier day builds that day's bundle, and changes nothing here; nor does a rolled-back bundle
    return by this.
    """
    bundles, day = settings().bundles, newest_day()
    passed = Passed.read(day)
    bundle_id, judgement = passed.bundle, passed.judgement
    because = judgement.decision.popularity_because
    try:
        before = Champion.read(bundles)
        if before is not None and bundle_id in (before.bundle, before.previous):
            context.log.info("the newest bundle, %s, was the champion already; %s stays", bundle_id, before.bundle)
            return dg.MaterializeResult(metadata={"bundle": before.bundle, "unchanged": True})
        manifest = Bundle.open(bundles / bundle_id, Rules.load().candidate_sources()).manifest
    except BundleError as error:
        raise dg.Failure(f"{error.reason}: {error}", allow_retries=False) from error
    if before is not None:
        refuse_older(manifest, bundles / before.bundle)
    refuse_other_verdict(judgement, manifest, before)
    version = registered(day, bundles / bundle_id, manifest, judgement)
    try:
        with Champion.held(before, bundles):
            tracking.promote(version)
            # Serving watches this file: it is written last, so that nothing is served that is not in MLflow.
            Champion.after(before, bundle_id).put(bundles)
    except ChampionChangedError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    context.log.info("%s is the champion: %s", bundle_id, because or judgement.decision.detail)
    return dg.MaterializeResult(
        metadata={"bundle": bundle_id, **manifest.metrics, **judgement.metrics, **judgement.stated}
    )


def newest_day() -> Path:
    """The directory of the newest day whose bundle passed its checks."""
    passed = max(settings().training.glob(f"*/{Passed.file}"), default=None)
    if passed is None:
        raise dg.Failure("no day has a bundle that passed its checks: make one first", allow_retries=False)
    return passed.parent


def refuse_older(manifest: Manifest, champions: Path) -> None:
    """Fail if the champion has newer data than the bundle; an unreadable champion is replaced."""
    try:
        theirs = read_manifest(champions)
    except BundleError:
        return
    if manifest.data_cut < theirs.data_cut:
        said = f"{manifest.bundle} ends at {manifest.data_cut}, before the champion's data at {theirs.data_cut}"
        raise dg.Failure(f"older than the champion: {said}", allow_retries=False)


def refuse_other_verdict(judgement: Judgement, manifest: Manifest, before: Champion | None) -> None:
    """Fail if the gate judged other data, or the champion has changed since."""
    if manifest.data_hash != judgement.data:
        raise dg.Failure(f"{manifest.bundle} is made of other data than the gate judged on", allow_retries=False)
    in_use = before.bundle if before else None
    if in_use != judgement.champion:
        said = f"{manifest.bundle} was judged while {judgement.champion or 'no bundle'} was in use, and now {in_use} is"
        raise dg.Failure(f"{said}: run training/challenger again", allow_retries=False)


def registered(day: Path, bundle: Path, manifest: Manifest, judgement: Judgement) -> str:
    """The bundle's version in MLflow; logged and registered, unless an interrupted run has done so."""
    with suppress(LookupError):
        return tracking.version_of(bundle.name)
    run_id = tracking.log_run(
        bundle.name,
        {**manifest.configuration, "decision": judgement.decision.reason, "day": day.name, **judgement.stated},
        {**manifest.metrics, **judgement.metrics},
        {"report": day / REPORT, "judgement": day / Passed.file, tracking.BUNDLE: bundle},
    )
    return tracking.register(run_id, bundle.name, json.dumps(manifest.configuration))
