"""The evaluation report: one self-contained HTML page, and its plots as images."""

import base64
import shutil
from collections.abc import Iterable, Mapping
from html import escape
from io import BytesIO
from pathlib import Path

import polars as pl
from matplotlib.figure import Figure

from ml.evaluation import metrics, plots
from ml.evaluation.evaluate import MODEL, SECONDS, TASK, USERS
from ml.evaluation.gate import Decision
from ml.evaluation.opponents import Comparison, Verdict
from ml.evaluation.published import Measured
from ml.evaluation.shelves import KIND, NEXT_BASKET, PLACES, SHELF, WINDOW

TITLE = "How good the recommenders are"
GATE_HEAD = (
    "opponent",
    "task",
    USERS,
    "its NDCG@10",
    "challenger - opponent, 95% interval",
    "difference that would be seen 4 times out of 5",
    "verdict",
)
_STYLE = "body{font:15px system-ui;max-width:70rem;margin:2rem auto}td,th{padding:.2rem .7rem;text-align:right}"


def write(measured: Measured, directory: Path, decision: Decision | None = None) -> Path:
    """Write `report.html` and its plots as PNG.

    Args:
        measured: The results.
        directory: Created if missing; files of an earlier report are replaced.
        decision: The gate's decision on the configuration.

    Returns:
        Path of the page.
    """
    directory.mkdir(parents=True, exist_ok=True)
    evaluation = measured.models
    summary = evaluation.summary.sort(TASK, metrics.NDCG, descending=[False, True], maintain_order=True)
    figures: dict[str, Figure] = {}
    if summary.height:
        figures["accuracy"] = plots.accuracy(summary)
        figures["coverage_novelty"] = plots.coverage_and_novelty(summary)
        figures["activity"] = plots.by_activity(evaluation)
    images = []
    for name, figure in figures.items():
        png = BytesIO()
        figure.savefig(png, format="png", dpi=110)
        (directory / f"{name}.png").write_bytes(png.getvalue())
        source = base64.b64encode(png.getvalue()).decode()
        images.append(
            f'<img alt="{escape(name.replace("_", " and "))}" src="data:image/png;base64,{source}" width="100%">'
        )
    parts = [_gate(decision), _models(summary), _left_out(measured.left_out), _shelves(measured.shelves), *images]
    return _page("".join(parts), directory)


def write_left_out(decision: Decision, directory: Path) -> Path:
    """Write a `report.html` without figures, which says why popularity is served; see `write`."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    because = escape(decision.popularity_because or "")
    text = f"<p>There are no figures. Everybody is shown what is popular, because {because}.</p>"
    return _page(f"{text}{_gate(decision)}", directory)


def _page(body: str, directory: Path) -> Path:
    page = directory / "report.html"
    page.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{TITLE}</title><style>{_STYLE}</style>'
        f"<h1>{TITLE}</h1>{body}</html>"
    )
    return page


def gate_rows(decision: Decision) -> list[tuple[str, ...]]:
    """The gate's comparisons as text: a row for each opponent and task, with the header `GATE_HEAD`."""
    return [
        (it.opponent, it.task, f"{it.users:,}", *_figures(it), it.verdict.replace("_", " "))
        for it in decision.comparisons
    ]


def _figures(it: Comparison) -> tuple[str, str, str]:
    if it.verdict is Verdict.TOO_FEW_USERS:
        return "", "", ""
    mean, low, high = it.difference
    return f"{it.ndcg:.4f}", f"{mean:+.4f} [{low:+.4f}, {high:+.4f}]", f"{it.detectable:.1%}"


def markdown(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table as Markdown."""
    columns = list(head)
    return "".join(f"| {' | '.join(line)} |\n" for line in (columns, ["---"] * len(columns), *rows))


def _gate(decision: Decision | None) -> str:
    if decision is None:
        return ""
    outcome = "Accepted" if decision.accepted else "Refused"
    if decision.popularity_because:
        outcome = "Popularity serves instead of the models"
    said = f"<p>{outcome}, {decision.reason.replace('_', ' ')}: {escape(decision.detail)}.</p>"
    rows = gate_rows(decision)
    return f"<h2>The gate</h2>{said}{_table(GATE_HEAD, rows) if rows else ''}"


def _left_out(models: Mapping[str, str]) -> str:
    lines = "".join(f"<li>{escape(name)}: {escape(reason)}</li>" for name, reason in models.items())
    return f"<p>Left out, and so without figures, in whole or in part:</p><ul>{lines}</ul>" if lines else ""


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
