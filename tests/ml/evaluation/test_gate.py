from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from ml.evaluation.evaluate import SCORES, WHOLE, Evaluation
from ml.evaluation.gate import Reason, gate, judge
from ml.recommenders import ALSConfig
from ml.training.configuration import TrainingConfig

USERS = 50
WINDOW = timedelta(days=28)
SMALL = TrainingConfig(als=ALSConfig(factors=2))


def answers(ndcg: list[float], coverage: float = 0.01, model: str = "discover") -> Evaluation:
    """One task answered for as many users as there are figures."""
    users = [f"u{i:02}" for i in range(len(ndcg))]
    scores = {"task": "discover", "model": model, "user_id": users, "baskets": 3, "ndcg": ndcg}
    rest = {"recall": 0.0, "average_precision": 0.0, "reciprocal_rank": 0.0}
    whole = {
        "task": "discover",
        "model": model,
        "users": [len(ndcg)],
        "coverage": coverage,
        "novelty": 1.0,
        "seconds": 1.0,
    }
    return Evaluation(pl.DataFrame(scores | rest, schema=SCORES), pl.DataFrame(whole, schema=WHOLE))


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(3).random(USERS)


def test_a_better_candidate_is_accepted(noise: np.ndarray) -> None:
    decision = judge(answers(list(noise + 0.1)), answers(list(noise)))

    assert (decision.accepted, decision.reason) == (True, Reason.NOT_WORSE)
    assert decision.intervals["discover"].mean == pytest.approx(0.1)


def test_a_candidate_whose_interval_lies_below_zero_is_refused(noise: np.ndarray) -> None:
    decision = judge(answers(list(noise - 0.1)), answers(list(noise)))

    assert (decision.accepted, decision.reason) == (False, Reason.WORSE)
    assert "discover -0.1000" in decision.detail


def test_a_candidate_that_is_worse_within_chance_is_accepted(noise: np.ndarray) -> None:
    decision = judge(answers(list(noise[::-1] - 0.001)), answers(list(noise)))

    assert (decision.accepted, decision.reason) == (True, Reason.NOT_WORSE)
    assert decision.intervals["discover"].mean < 0


@pytest.mark.parametrize(("coverage", "reason"), [(0.0, Reason.EMPTY), (0.0001, Reason.LOW_COVERAGE)])
def test_a_candidate_that_shows_next_to_nothing_is_refused(coverage: float, reason: Reason, noise: np.ndarray) -> None:
    decision = judge(answers(list(noise), coverage), answers(list(noise)))

    assert (decision.accepted, decision.reason) == (False, reason)


def test_without_purchases_in_the_window_there_is_nothing_to_judge() -> None:
    assert judge(answers([]), answers([])).reason == Reason.TOO_LITTLE_DATA


def test_a_first_candidate_meets_popularity(interactions: pl.DataFrame, items: pl.DataFrame, cut: datetime) -> None:
    decision = gate(interactions, items, SMALL, None, cut - WINDOW)

    assert decision.accepted
    assert set(decision.intervals) == {"all", "discover"}


@pytest.fixture
def fashion(make_lines: Callable) -> pl.DataFrame:
    """Twenty shoppers who buy one of nineteen things again and again, and on day 80 all what is popular: product 1."""
    users = [(f"u{number:02}", 2 + number % 19) for number in range(20)]
    habits = [(user, product, day) for user, product in users for day in (50, 60, 70)]
    return make_lines([*habits, *((user, 1, day) for user, _ in users for day in (65, 80))])


@pytest.mark.parametrize("champion", [None, TrainingConfig(als=ALSConfig(factors=2, regularisation=1e-30, alpha=1e30))])
def test_a_candidate_worse_than_popularity_is_refused_where_no_champion_can_judge(
    champion: TrainingConfig | None, fashion: pl.DataFrame, make_items: Callable, cut: datetime
) -> None:
    habit = SMALL.changed({"repurchase": {"weights": {"personal": 1}}})

    decision = gate(fashion, make_items(*range(1, 21)), habit, champion, cut - WINDOW)

    assert (decision.accepted, decision.reason) == (False, Reason.WORSE)
    assert decision.intervals["all"].high < 0
    assert ("the champion is broken" in decision.detail) == (champion is not None)


def test_the_champions_own_configuration_is_not_worse(
    interactions: pl.DataFrame, items: pl.DataFrame, cut: datetime
) -> None:
    decision = gate(interactions, items, SMALL, SMALL, cut - WINDOW)

    assert decision.accepted
    assert [tuple(interval) for interval in decision.intervals.values()] == [(0, 0, 0)] * 2


def test_a_candidate_that_gives_nan_is_refused(interactions: pl.DataFrame, items: pl.DataFrame, cut: datetime) -> None:
    broken = TrainingConfig(als=ALSConfig(factors=2, regularisation=1e-30, alpha=1e30))

    assert gate(interactions, items, broken, SMALL, cut - WINDOW).reason == Reason.NOT_FINITE


def test_a_shop_of_one_user_is_served_by_popularity(
    interactions: pl.DataFrame, items: pl.DataFrame, cut: datetime
) -> None:
    decision = gate(interactions.filter(user_id="ann"), items, SMALL, None, cut - WINDOW)

    assert decision.accepted
    assert set(decision.intervals) == {"all", "discover"}


def test_a_shop_without_history_is_not_judged(interactions: pl.DataFrame, items: pl.DataFrame, cut: datetime) -> None:
    assert gate(interactions.clear(), items, SMALL, None, cut).reason == Reason.TOO_LITTLE_DATA
