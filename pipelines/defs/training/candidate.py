"""Whether a configuration may replace the champion's."""

import json
from collections.abc import Iterator
from typing import Any

import dagster as dg
from pydantic import Field, ValidationError

from ml import tracking
from ml.bundle import Champion
from ml.bundle_files import read_manifest
from ml.evaluation.gate import gate
from ml.training import TrainingConfig
from pipelines.cuts import WINDOW, gate_cut
from pipelines.defs.partitions import days
from pipelines.settings import settings
from pipelines.training_set import TrainingSet

GATE = "not_worse_than_champion"


class CandidateConfig(dg.Config):
    """What the candidate does otherwise than the defaults."""

    configuration: dict[str, Any] = Field(
        default={}, description='Hyper-parameters by model, e.g. {"als": {"factors": 64}}; the defaults for the rest.'
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
    """The configuration that asks to be used, and the judgement on it."""
    directory = settings().training / context.partition_key
    found = TrainingSet.read(directory)
    try:
        asking = TrainingConfig.model_validate(config.configuration)
    except ValidationError as error:
        raise dg.Failure(f"the candidate's configuration is not valid: {error}", allow_retries=False) from error
    cut = gate_cut(found.data_cut, settings().tanawari_evaluation_test_start)
    decision = gate(found.interactions, found.items, asking, champion_configuration(context), cut, WINDOW.days)
    context.log.info("%s: %s", decision.reason, decision.detail)
    (directory / "candidate.json").write_text(
        json.dumps(
            {
                "accepted": decision.accepted,
                "reason": decision.reason,
                "detail": decision.detail,
                "configuration": asking.model_dump(mode="json"),
            }
        )
    )
    if not decision.accepted:  # an accepted one is logged with its bundle
        parameters = {**asking.model_dump(mode="json"), "decision": decision.reason, "day": context.partition_key}
        tracking.log_run(
            f"refused {context.partition_key}", parameters, {}, {"judgement": directory / "candidate.json"}
        )
    reasons = {"reason": decision.reason.value, "detail": decision.detail, "cut": dg.MetadataValue.timestamp(cut)}
    yield dg.MaterializeResult(
        metadata={**reasons, "configuration": dg.MetadataValue.json(asking.model_dump(mode="json"))},
        check_results=[dg.AssetCheckResult(passed=decision.accepted, check_name=GATE, metadata=reasons)],
    )


def champion_configuration(context: dg.AssetExecutionContext) -> TrainingConfig | None:
    """The configuration in use; None, so that popularity is the opponent, if there is none that this code can read."""
    champion = Champion.read(settings().bundles)
    if champion is None:
        return None
    try:
        return TrainingConfig.model_validate(read_manifest(settings().bundles / champion.bundle).configuration)
    except ValidationError as error:
        context.log.warning("the champion's configuration is of another version; popularity is the opponent: %s", error)
        return None
