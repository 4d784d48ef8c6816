"""Whether a configuration may replace the champion's."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field, ValidationError

from ml import tracking
from ml.bundle.bundle import BundleError, Champion
from ml.bundle.files import read_manifest
from ml.evaluation.gate import gate
from ml.training.configuration import POPULARITY, TrainingConfig
from pipelines.cuts import gate_cut
from pipelines.day import Judgement
from pipelines.defs.partitions import days
from pipelines.settings import settings
from pipelines.training_set import TrainingSet

GATE = "not_worse_than_champion"


class CandidateConfig(dg.Config):
    """What the candidate does otherwise than the champion."""

    configuration: dict[str, Any] = Field(
        default={},
        description='Changed hyper-parameters by model, e.g. {"als": {"factors": 64}}; for the rest the champion\'s.',
    )


@dg.asset(
    key=["training", "candidate"],
    group_name="training",
    kinds={"scikitlearn"},
    partitions_def=days,
    deps=[["training", "dataset"]],
    check_specs=[
        dg.AssetCheckSpec(
            GATE,
            asset=["training", "candidate"],
            blocking=True,
            description="Candidate and champion, both fitted before the same cut, compared on the days after it.",
        )
    ],
)
def candidate(context: dg.AssetExecutionContext, config: CandidateConfig) -> Iterator[dg.MaterializeResult[None]]:
    """The configuration that asks to be used, and the judgement on it.

    A shop without a champion is served all the same: where nothing can be compared yet, or the default models are no
    better than that, by what is popular, and the judgement says why. The next run tries the models again.
    """
    day = settings().training / context.partition_key
    found, in_use = TrainingSet.read(day), champion_configuration(context)
    try:
        asking = (in_use or TrainingConfig()).changed(config.configuration)
    except ValidationError as error:
        raise dg.Failure(f"the candidate's configuration is not valid: {error}", allow_retries=False) from error
    cut = gate_cut(found.data_cut, settings().tanawari_evaluation_test_start)
    decision = gate(found.interactions, found.items, asking, in_use, cut)
    if in_use is None and not config.configuration:
        decision = decision.or_popularity()
    context.log.info("%s: %s", decision.reason, decision.detail)
    judgement = Judgement(
        accepted=decision.accepted,
        reason=decision.reason,
        detail=decision.detail,
        configuration=(POPULARITY if decision.popularity_because else asking).model_dump(mode="json"),
        intervals=dict(decision.intervals),
        popularity_because=decision.popularity_because,
    )
    judgement.put(day)
    if not decision.accepted:  # an accepted one is logged with its bundle
        parameters = {**judgement.configuration, "decision": decision.reason, "day": day.name}
        artifacts = {"judgement": day / Judgement.file}
        tracking.log_run(f"refused {day.name}", parameters, judgement.metrics, artifacts)
    reasons = {
        "reason": decision.reason.value,
        "detail": decision.detail,
        "opponent": "the champion" if in_use else "popularity",
        "cut": dg.MetadataValue.timestamp(cut),
        **judgement.metrics,
        **judgement.stated,
    }
    yield dg.MaterializeResult(
        metadata={**reasons, "configuration": dg.MetadataValue.json(judgement.configuration)},
        check_results=[dg.AssetCheckResult(passed=decision.accepted, check_name=GATE, metadata=reasons)],
    )


def champion_configuration(context: dg.AssetExecutionContext) -> TrainingConfig | None:
    """The configuration in use; None, so that popularity is the opponent, if there is none that this code can read.

    A champion that is popularity itself is none either: the defaults meet it again.
    """
    try:
        champion = Champion.read(settings().bundles)
        if champion is None:
            return None
        manifest = read_manifest(settings().bundles / champion.bundle)
        return None if manifest.popularity_because else TrainingConfig.model_validate(manifest.configuration)
    except (BundleError, ValidationError) as error:
        context.log.warning("the champion cannot be read: the defaults meet popularity instead: %s", error)
        return None


def accepted(day: Path) -> Judgement:
    """The judgement on a day's candidate, for whatever is made of it."""
    judgement = Judgement.read(day)
    if not judgement.accepted:
        raise dg.Failure(f"the candidate was refused: {judgement.reason}: {judgement.detail}", allow_retries=False)
    return judgement
