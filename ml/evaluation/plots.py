"""The figures of the report."""

from itertools import pairwise
from typing import Final

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from ml.evaluation import metrics
from ml.evaluation.evaluate import BASKETS, MODEL, TASK, USERS, Evaluation

ACTIVITY_BOUNDS: Final = (10, 25, 50, 100)
"""Bounds of the groups of users by number of baskets before the cut."""
IS_PROTOCOL: Final = ~pl.col(TASK).str.contains("/")
"""Cold users and cold items are segments with too little data for a plot."""
_ACTIVITY_LABELS: Final = [
    f"under {ACTIVITY_BOUNDS[0]}",
    *(f"{low} to {high - 1}" for low, high in pairwise(ACTIVITY_BOUNDS)),
    f"{ACTIVITY_BOUNDS[-1]} or more",
]


def accuracy(summary: pl.DataFrame) -> Figure:
    """NDCG of each model with its interval, task by task."""
    tasks = summary[TASK].unique(maintain_order=True).to_list()
    figure = Figure(figsize=(11, 1 + 0.32 * (summary.height + 2 * len(tasks))), layout="constrained")
    heights = [summary.filter(pl.col(TASK) == task).height for task in tasks]
    axes = figure.subplots(len(tasks), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axis, task in zip(axes, tasks, strict=True):
        rows = summary.filter(pl.col(TASK) == task).reverse()
        ndcg = rows[metrics.NDCG]
        error = [side.clip(lower_bound=0).to_list() for side in (ndcg - rows["ndcg_low"], rows["ndcg_high"] - ndcg)]
        axis.errorbar(ndcg.to_list(), rows[MODEL].to_list(), xerr=error, fmt="o", capsize=3)
        axis.set(title=f"NDCG@10, {task} ({rows[USERS][0]:,} users, 95% intervals)", xlim=(0, None))
        axis.margins(y=0.5 / rows.height)
        axis.grid(axis="x", alpha=0.3)
    return figure


def coverage_and_novelty(summary: pl.DataFrame) -> Figure:
    """Coverage and novelty of each model."""
    figure = Figure(figsize=(11, 5), layout="constrained")
    axis = figure.subplots()
    axis.set(title="Coverage and novelty", xlabel="share of the catalogue shown to anyone", ylabel="bits")
    for (task,), rows in summary.filter(IS_PROTOCOL, pl.col(metrics.COVERAGE) > 0).group_by(TASK, maintain_order=True):
        axis.set_xscale("log")
        axis.scatter(rows[metrics.COVERAGE].to_list(), rows[metrics.NOVELTY].to_list(), label=task)
        for row in rows.iter_rows(named=True):
            axis.annotate(row[MODEL], (row[metrics.COVERAGE], row[metrics.NOVELTY]), fontsize=7)
        axis.legend()
    return figure


def by_activity(evaluation: Evaluation) -> Figure:
    """NDCG of each model by user activity."""
    scores = evaluation.scores.filter(IS_PROTOCOL)
    scores = scores.with_columns(group=np.digitize(scores[BASKETS].to_numpy(), ACTIVITY_BOUNDS))
    means = scores.group_by(TASK, MODEL, "group", maintain_order=True).agg(pl.col(metrics.NDCG).mean()).sort("group")
    tasks = evaluation.whole.filter(IS_PROTOCOL)[TASK].unique().sort().to_list()
    figure = Figure(figsize=(11, 1 + 3 * len(tasks)), layout="constrained")
    for axis, task in zip(figure.subplots(max(1, len(tasks)), 1, squeeze=False)[:, 0], tasks, strict=False):
        axis.set(title=f"NDCG@10 by number of baskets before the cut, {task}", ylim=(0, None))
        axis.set_xticks(range(len(_ACTIVITY_LABELS)), _ACTIVITY_LABELS)
        for (model,), rows in means.filter(pl.col(TASK) == task).group_by(MODEL, maintain_order=True):
            axis.plot(rows["group"].to_list(), rows[metrics.NDCG].to_list(), "o-", label=model)
            axis.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return figure
