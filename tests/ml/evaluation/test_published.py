from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from ml.evaluation import report
from ml.evaluation.compare import Interval
from ml.evaluation.evaluate import SECONDS, Evaluation, evaluate
from ml.evaluation.gate import ROLES, Decision, Reason
from ml.evaluation.opponents import Comparison, Opponent
from ml.evaluation.published import HEADLINES, MODELS, Measured, headlines, measure
from ml.evaluation.split import window
from ml.recommenders import ALSConfig, Blend, ease
from ml.shelves.composing import Rules
from ml.training.assembly import lists_of
from ml.training.configuration import TrainingConfig, fit_all

CONFIG = TrainingConfig(als=ALSConfig(factors=2))


@pytest.fixture
def measured(interactions: pl.DataFrame, items: pl.DataFrame, cut: datetime) -> Measured:
    return measure(interactions, items, CONFIG, cut - timedelta(days=20), Rules.load(), days=20)


@pytest.fixture
def evaluation(measured: Measured) -> Evaluation:
    return measured.models


def test_every_task_is_answered_by_its_models(evaluation: Evaluation) -> None:
    asked = [(str(task), model) for task, models in MODELS.items() for model in models]

    assert evaluation.whole.select("task", "model").rows() == asked


def test_a_blend_ranks_once_for_its_task_and_the_shelves(
    interactions: pl.DataFrame, items: pl.DataFrame, cut: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    ranking, lengths = Blend.recommend, list[int]()

    def counted(model: Blend, users: list[str] | None = None, k: int = 10, **how: bool) -> pl.DataFrame:
        lengths.append(k)
        return ranking(model, users, k, **how)

    monkeypatch.setattr(Blend, "recommend", counted)
    measure(interactions, items, CONFIG, cut - timedelta(days=20), Rules.load(), days=20)

    assert lengths == [10, 300, 300]  # the last baskets, at another cut, then each source


def test_the_beginning_of_a_longer_list_has_the_figures_of_a_list(
    interactions: pl.DataFrame, items: pl.DataFrame, cut: datetime
) -> None:
    tasks = window(interactions, items, cut - timedelta(days=20), 20)
    fitted = fit_all(tasks["all"].history, CONFIG)

    for task, model in ROLES.items():
        models, made = {model: fitted.models[model]}, lists_of(fitted, [model])
        anew, first = evaluate(models, tasks[task], 2), evaluate(models, tasks[task], 2, made=made)

        assert first.scores.equals(anew.scores)
        assert first.whole.drop(SECONDS).equals(anew.whole.drop(SECONDS))


def test_headlines_are_means_over_users(evaluation: Evaluation) -> None:
    figures = headlines(evaluation)

    assert figures.keys() == HEADLINES.keys()
    assert figures["all"] == evaluation.per_user("all", "tifu_knn")["ndcg"].mean()


def test_the_summary_gives_an_interval_around_each_mean(evaluation: Evaluation) -> None:
    summary = evaluation.summary

    assert (summary["ndcg_low"] <= summary["ndcg"] + 1e-9).all()
    assert (summary["ndcg"] <= summary["ndcg_high"] + 1e-9).all()


def test_the_report_is_one_page_with_its_plots(measured: Measured, tmp_path: Path) -> None:
    page = report.write(measured, tmp_path / "report").read_text()

    assert page.count("data:image/png") == 3
    assert "tifu_knn" in page
    assert "REPURCHASE" in page
    assert "http" not in page
    assert {file.name for file in (tmp_path / "report").glob("*.png")} == {
        "accuracy.png",
        "coverage_novelty.png",
        "activity.png",
    }


def test_a_model_that_was_left_out_has_no_figure_and_the_report_says_why(
    interactions: pl.DataFrame, items: pl.DataFrame, cut: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ease, "LARGEST", 1)

    measured = measure(interactions, items, CONFIG, cut - timedelta(days=20), Rules.load(), days=20)

    assert headlines(measured.models).keys() == HEADLINES.keys() - {"discover"}
    assert "ease" not in measured.models.summary["model"]
    assert "<li>ease: ease takes at most 1 users or items" in report.write(measured, tmp_path).read_text()


def test_a_question_about_nobody_has_no_figure(evaluation: Evaluation) -> None:
    asked = evaluation.whole.filter(pl.col("users") > 0).select("task", "model").rows()

    assert len(asked) < len(evaluation.whole)
    assert evaluation.summary.select("task", "model").rows() == asked


def test_the_report_says_whom_the_gate_let_meet_and_what_its_window_can_show(
    measured: Measured, tmp_path: Path
) -> None:
    met = Comparison(Opponent.POPULARITY, "discover", 1975, 0.04, Interval(0.016, 0.012, 0.02))

    page = report.write(measured, tmp_path, Decision(True, Reason.NOT_WORSE, "it won", [met])).read_text()

    assert "Accepted, not worse: it won." in page
    row = ["popularity", "discover", "1,975", "0.0400", "+0.0160 [+0.0120, +0.0200]", "14.3%", "not worse"]
    assert "".join(f"<td>{cell}</td>" for cell in row) in page


def test_a_shop_without_history_has_an_empty_report(
    interactions: pl.DataFrame, items: pl.DataFrame, cut: datetime, tmp_path: Path
) -> None:
    nothing = measure(interactions.clear(), items, CONFIG, cut, Rules.load())

    assert nothing.shelves.is_empty()
    assert headlines(nothing.models) == {}
    assert report.write(nothing, tmp_path).exists()
