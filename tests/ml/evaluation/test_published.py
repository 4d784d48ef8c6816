from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from ml.evaluation import report
from ml.evaluation.evaluate import Evaluation
from ml.evaluation.published import HEADLINES, MODELS, Measured, headlines, measure
from ml.recommenders import ALSConfig
from ml.shelves.composing import Rules
from ml.training.configuration import TrainingConfig

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


def test_headlines_are_means_over_users(evaluation: Evaluation) -> None:
    figures = headlines(evaluation)

    assert figures.keys() == HEADLINES.keys()
    assert figures["all"] == evaluation.per_user("all", "tifu_knn")["ndcg"].mean()


def test_the_summary_gives_an_interval_around_each_mean(evaluation: Evaluation) -> None:
    summary = evaluation.summary()

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


def test_a_shop_without_history_has_an_empty_report(
    interactions: pl.DataFrame, items: pl.DataFrame, cut: datetime, tmp_path: Path
) -> None:
    nothing = measure(interactions.clear(), items, CONFIG, cut, Rules.load())

    assert nothing.shelves.is_empty()
    assert headlines(nothing.models) == dict.fromkeys(HEADLINES, 0.0)
    assert report.write(nothing, tmp_path).exists()
