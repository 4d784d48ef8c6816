"""Whether a configuration may replace the champion's."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field, ValidationError

from ml import tracking
from ml.bundle.bundle import BundleError, Champion
from ml.bundle.files import read_manifest
from ml.evaluation import report
from ml.evaluation.gate import gate
from ml.training.configuration import POPULARITY, TrainingConfig
from pipelines.cuts import gate_cut
from pipelines.day import Judgement
from pipelines.defs.partitions import days
from pipelines.settings import settings
from pipelines.training_set import TrainingSet

GATE = "not_worse_than_champion"


class ChallengerConfig(dg.Config):
    """The challenger's differences from the champion."""

    configuration: dict[str, Any] = Field(
        default={},
        description='Changed hyper-parameters by model, e.g. {"als": {"factors": 64}}; for the rest the champion\'s.',
    )


@dg.asset(
    key=["training", "challenger"],
    group_name="training",
    kinds={"scikitlearn"},
    partitions_def=days,
    deps=[["training", "dataset"]],
    check_specs=[
        dg.AssetCheckSpec(
            GATE,
            asset=["training", "challenger"],
            blocking=True,
            description="Challenger, popularity and champion, fitted before the same cut, compared on the days after.",
        )
    ],
)
def challenger(context: dg.AssetExecutionContext, config: ChallengerConfig) -> Iterator[dg.MaterializeResult[None]]:
    """The challenger's configuration, and the judgement on it.

    A shop without a champion is served too: if nothing can be compared yet, or the default models are not shown to be
    as good, by popularity, and the judgement says why. The next run tries the models again.
    """
    day = settings().training / context.partition_key
    found, data, (bundle, in_use) = TrainingSet.read(day), TrainingSet.hash_of(day), champion_in_use(context)
    try:
        asking = (in_use or TrainingConfig()).changed(config.configuration)
    except ValidationError as error:
        raise dg.Failure(f"the challenger's configuration is not valid: {error}", allow_retries=False) from error
    cut = gate_cut(found.last_purchase, settings().tanawari_evaluation_test_start)
    decision = gate(found.interactions, found.items, asking, in_use, cut)
    if in_use is None and not config.configuration:
        decision = decision.or_popularity()
    context.log.info("%s: %s", decision.reason, "\n".join([decision.detail, *map(str, decision.comparisons)]))
    judgement = Judgement(
        decision=decision,
        configuration=(POPULARITY if decision.popularity_because else asking).model_dump(mode="json"),
        data=data,
        champion=bundle,
    )
    judgement.put(day)
    if not decision.accepted:  # an accepted one is logged with its bundle
        parameters = {**judgement.configuration, "decision": decision.reason, "day": day.name}
        artifacts = {"judgement": day / Judgement.file}
        tracking.log_run(f"refused {day.name}", parameters, judgement.metrics, artifacts)
    reasons = {
        "reason": decision.reason.value,
        "detail": decision.detail,
        "opponents": ", ".join(dict.fromkeys(it.opponent for it in decision.comparisons)) or "none",
        "compared": dg.MetadataValue.md(report.markdown(report.GATE_HEAD, report.gate_rows(decision))),
        "cut": dg.MetadataValue.timestamp(cut),
        **judgement.metrics,
        **judgement.stated,
    }
    yield dg.MaterializeResult(
        metadata={**reasons, "configuration": dg.MetadataValue.json(judgement.configuration)},
        check_results=[dg.AssetCheckResult(passed=decision.accepted, check_name=GATE, metadata=reasons)],
    )


def champion_in_use(context: dg.AssetExecutionContext) -> tuple[str | None, TrainingConfig | None]:
    """The bundle in use and its configuration; without one, or if its files are gone, popularity is the only opponent.

    A champion that is popularity itself does not count: the defaults are compared with it again.

    Raises:
        dagster.Failure: its files are there and cannot be read; unseen, it would give way to popularity.
    """
    bundles = settings().bundles
    try:
        champion = Champion.read(bundles)
        if champion is None:
            return None, None
        if not (bundles / champion.bundle).is_dir():
            context.log.warning("the champion %s is lost: the shop starts over", champion.bundle)
            return champion.bundle, None
        manifest = read_manifest(bundles / champion.bundle)
        if manifest.popularity_because:
            return champion.bundle, None
        return champion.bundle, TrainingConfig.model_validate(manifest.configuration)
    except (BundleError, ValidationError) as error:
        remedy = "restore it, roll back, or remove champion.json to start over: see docs/runbooks/bad-bundle.md"
        said = f"the champion cannot be read, so nothing can be compared with it: {error}; {remedy}"
        raise dg.Failure(said, allow_retries=False) from error


def accepted(day: Path) -> Judgement:
    """The judgement on a day's challenger, checked against the training set."""
    judgement = Judgement.read(day)
    decision = judgement.decision
    if not decision.accepted:
        raise dg.Failure(f"the challenger was refused: {decision.reason}: {decision.detail}", allow_retries=False)
    if judgement.data != TrainingSet.hash_of(day):
        said = "the challenger was judged on another training set than the day's: run training/challenger again"
        raise dg.Failure(said, allow_retries=False)
    return judgement
