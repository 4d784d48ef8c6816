"""The evaluation for people: one HTML page that needs nothing else, and its plots as images."""

import base64
import shutil
from collections.abc import Iterable
from html import escape
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from ml.evaluation import metrics
from ml.evaluation.evaluate import BASKETS, MODEL, SECONDS, TASK, USERS, Evaluation
from ml.evaluation.published import Measured
from ml.evaluation.shelves import KIND, NEXT_BASKET, PLACES, SHELF, WINDOW

ACTIVITY_BOUNDS = (10, 25, 50, 100)
"""Users are grouped by their number of baskets before the cut, at these bounds."""
IS_PROTOCOL = ~pl.col(TASK).str.contains("/")
"""Cold users and cold items are segments, with too little in them for a plot."""
_ACTIVITY_LABELS = [
    f"under {ACTIVITY_BOUNDS[0]}",
    *(f"{low} to {high - 1}" for low, high in pairwise(ACTIVITY_BOUNDS)),
    f"{ACTIVITY_BOUNDS[-1]} or more",
]
TITLE = "How good the recommenders are"
_STYLE = "body{font:15px system-ui;max-width:70rem;margin:2rem auto}td,th{padding:.2rem .7rem;text-align:right}"


def write(measured: Measured, directory: Path, title: str = TITLE) -> Path:
    """Write `report.html` and its plots as PNG.

    Args:
        measured: What was measured.
        directory: Made if it is missing; files of an earlier report are replaced.
        title: The heading.

    Returns:
        Path of the page.
    """
    directory.mkdir(parents=True, exist_ok=True)
    evaluation = measured.models
    summary = evaluation.summary().sort(TASK, metrics.NDCG, descending=[False, True], maintain_order=True)
    plots = {
        "accuracy": _accuracy(summary),
        "coverage_novelty": _coverage_and_novelty(summary),
        "activity": _by_activity(evaluation),
    }
    images = []
    for name, figure in plots.items():
        png = BytesIO()
        figure.savefig(png, format="png", dpi=110)
        (directory / f"{name}.png").write_bytes(png.getvalue())
        source = base64.b64encode(png.getvalue()).decode()
        images.append(
            f'<img alt="{escape(name.replace("_", " and "))}" src="data:image/png;base64,{source}" width="100%">'
        )
    return _page(f"{_models(summary)}{_shelves(measured.shelves)}{''.join(images)}", directory, title)


def write_left_out(because: str, directory: Path) -> Path:
    """Write a `report.html` without figures, which says why what is popular is served; see `write`."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    text = f"<p>There are no figures. Everybody is shown what is popular, because {escape(because)}.</p>"
    return _page(text, directory, TITLE)


def _page(body: str, directory: Path, title: str) -> Path:
    page = directory / "report.html"
    page.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
        f"<h1>{escape(title)}</h1>{body}</html>"
    )
    return page


def _models(summary: pl.DataFrame) -> str:
    head = (
        TASK,
        MODEL,
        USERS,
        "NDCG@10",
        "95% interval",
        "recall",
        "MAP",
        "MRR",
        "coverage",
        "novelty (bits)",
        SECONDS,
    )
    rows = [
        (
            row[TASK],
            row[MODEL],
            f"{row[USERS]:,}",
            f"{row[metrics.NDCG]:.4f}",
            f"{row['ndcg_low']:.4f} - {row['ndcg_high']:.4f}",
            *(f"{row[name]:.4f}" for name in metrics.ACCURACY[1:]),
            f"{row[metrics.COVERAGE]:.2%}",
            f"{row[metrics.NOVELTY]:.2f}",
            f"{row[SECONDS]:.1f}",
        )
        for row in summary.iter_rows(named=True)
    ]
    return _table(head, rows)


def _shelves(shares: pl.DataFrame) -> str:
    head = ("shelf", "places", "whose", "users", "bought in the next basket", "bought in the window")
    rows = [
        (
            row[SHELF],
            f"first {row[PLACES]}",
            row[KIND],
            f"{row[USERS]:,}",
            f"{row[NEXT_BASKET]:.4f}",
            f"{row[WINDOW]:.4f}",
        )
        for row in shares.sort(SHELF, PLACES, maintain_order=True).iter_rows(named=True)
    ]
    return f"<h2>The shelves</h2>{_table(head, rows)}" if rows else ""


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    cells = ["".join(f"<th>{escape(name)}</th>" for name in head)]
    cells += ["".join(f"<td>{escape(value)}</td>" for value in row) for row in rows]
    return f"<table>{''.join(f'<tr>{line}</tr>' for line in cells)}</table>"


def _accuracy(summary: pl.DataFrame) -> Figure:
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


def _coverage_and_novelty(summary: pl.DataFrame) -> Figure:
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


def _by_activity(evaluation: Evaluation) -> Figure:
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
