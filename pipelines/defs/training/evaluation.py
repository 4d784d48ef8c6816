"""The published figures of the accepted configuration."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from ml.evaluation import report
from ml.evaluation.published import headlines, measure
from ml.evaluation.shelves import as_document, falls_behind
from ml.shelves.composing import Rules
from ml.training.configuration import TrainingConfig
from pipelines.cuts import published_cut
from pipelines.day import Figures
from pipelines.defs.partitions import days
from pipelines.defs.training.challenger import accepted
from pipelines.settings import settings
from pipelines.training_set import TrainingSet

REPORT = "report"
HEAD = ("task", "model", "users", "NDCG@10", "95% interval", "coverage")
CHECK = "shelves_keep_what_their_lists_achieve"


@dg.asset(
    key=["training", "evaluation"],
    group_name="training",
    kinds={"scikitlearn"},
    partitions_def=days,
    deps=[["training", "dataset"], ["training", "challenger"]],
    check_specs=[
        dg.AssetCheckSpec(
            CHECK,
            asset=["training", "evaluation"],
            description="Of each shelf's first places shoppers buy at least 0.9 times what they buy of its list's.",
        )
    ],
)
def evaluation(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
    """Accuracy, coverage and novelty of every model, fitted on the data before the cut, ranked over all items.

    And of the shelves, composed as of the cut: the share of their first places that was bought.

    Nothing is chosen by these figures: the gate has already judged, on other days. If popularity is used because no
    model is proven better, there are no figures: the report says why.
    """
    day = settings().training / context.partition_key
    found, judgement = TrainingSet.read(day), accepted(day)
    configuration = judgement.configuration
    if judgement.decision.popularity_because:
        page = report.write_left_out(judgement.decision, day / REPORT)
        Figures(configuration=configuration, data=judgement.data, metrics={}, shelves={}).put(day)
        yield dg.MaterializeResult(
            metadata={**judgement.stated, "report": dg.MetadataValue.path(page)},
            check_results=[dg.AssetCheckResult(passed=True, check_name=CHECK, metadata=dict(judgement.stated))],
        )
        return
    cut = published_cut(found.last_purchase, settings().tanawari_evaluation_test_start)
    config = TrainingConfig.model_validate(configuration)
    measured = measure(found.interactions, found.items, config, cut, Rules.load())
    figures, shelves, behind = headlines(measured.models), as_document(measured.shelves), falls_behind(measured.shelves)
    page = report.write(measured, day / REPORT, judgement.decision)
    Figures(configuration=configuration, data=judgement.data, metrics=figures, shelves=shelves).put(day)
    summary = measured.models.summary
    yield dg.MaterializeResult(
        metadata={
            **figures,
            "cut": dg.MetadataValue.timestamp(cut),
            "report": dg.MetadataValue.path(page),
            "figures": dg.MetadataValue.md(report.markdown(HEAD, map(_row, summary.iter_rows(named=True)))),
            "left_out": dg.MetadataValue.json(dict(measured.left_out)),
            "shelves": dg.MetadataValue.json(shelves),
        },
        check_results=[
            dg.AssetCheckResult(
                passed=not behind,
                check_name=CHECK,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"fall_behind": dg.MetadataValue.json(behind), "shelves": dg.MetadataValue.json(shelves)},
            )
        ],
    )


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    cells = ("{task}", "{model}", "{users:,}", "{ndcg:.4f}", "{ndcg_low:.4f} - {ndcg_high:.4f}", "{coverage:.2%}")
    return tuple(cell.format(**row) for cell in cells)
