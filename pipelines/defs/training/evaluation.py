"""How good the models are as the accepted candidate configures them: the figures that are published."""

import dagster as dg

from ml.evaluation import report
from ml.evaluation.published import headlines, measure
from ml.training import TrainingConfig
from pipelines.cuts import published_cut
from pipelines.day import Figures
from pipelines.defs.partitions import days
from pipelines.defs.training.candidate import accepted
from pipelines.settings import settings
from pipelines.training_set import TrainingSet

REPORT = "report"


@dg.asset(
    key=["training", "evaluation"],
    group_name="training",
    kinds={"scikitlearn"},
    partitions_def=days,
    deps=[["training", "dataset"], ["training", "candidate"]],
)
def evaluation(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    """Accuracy, coverage and novelty of every model, fitted on what was known at the cut, ranked over all items.

    Nothing is chosen by these figures: the gate has judged before, on other days. Where popularity is used for want of
    models that are known to be better, there are none: the report says why.
    """
    day = settings().training / context.partition_key
    found, judgement = TrainingSet.read(day), accepted(day)
    configuration = judgement.configuration
    if judgement.popularity_because:
        page = report.write_left_out(judgement.popularity_because, day / REPORT)
        Figures(configuration=configuration, metrics={}).put(day)
        return dg.MaterializeResult(metadata={**judgement.stated, "report": dg.MetadataValue.path(page)})
    cut = published_cut(found.data_cut, settings().tanawari_evaluation_test_start)
    measured = measure(found.interactions, found.items, TrainingConfig.model_validate(configuration), cut)
    figures = headlines(measured)
    page = report.write(measured, day / REPORT)
    Figures(configuration=configuration, metrics=figures).put(day)
    table = measured.summary().select("task", "model", "users", "ndcg", "ndcg_low", "ndcg_high", "coverage")
    return dg.MaterializeResult(
        metadata={
            **figures,
            "cut": dg.MetadataValue.timestamp(cut),
            "report": dg.MetadataValue.path(page),
            "figures": dg.MetadataValue.md(_markdown(table.rows(named=True))),
        }
    )


def _markdown(rows: list[dict[str, float | str]]) -> str:
    head = "| task | model | users | NDCG@10 | 95% interval | coverage |\n|---|---|---|---|---|---|\n"
    line = "| {task} | {model} | {users} | {ndcg:.4f} | {ndcg_low:.4f} - {ndcg_high:.4f} | {coverage:.2%} |\n"
    return head + "".join(line.format(**row) for row in rows)
