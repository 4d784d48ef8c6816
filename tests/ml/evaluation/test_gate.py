from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from ml.evaluation.evaluate import SCORES, WHOLE, Evaluation
from ml.evaluation.gate import Decision, Reason, decide, gate
from ml.evaluation.opponents import LEAST_USERS, Comparison, Opponent
from ml.recommenders import ALSConfig
from ml.training.configuration import TrainingConfig

USERS = 50
WINDOW = timedelta(days=28)
SMALL = TrainingConfig(als=ALSConfig(factors=2))


def answers(ndcg: Iterable[float], coverage: float = 0.01, model: str = "discover", items: int = 1000) -> Evaluation:
    """One task answered for as many users as there are figures."""
    figures = list(ndcg)
    users = [f"u{i:02}" for i in range(len(figures))]
    scores = {"task": "discover", "model": model, "user_id": users, "baskets": 3, "ndcg": figures}
    rest = {"recall": 0.0, "average_precision": 0.0, "reciprocal_rank": 0.0}
    whole = {
        "task": "discover", "model": model, "users": [len(figures)], "items": items, "coverage": coverage,
        "novelty": 1.0, "seconds": 1.0,
    }  # fmt: skip
    return Evaluation(pl.DataFrame(scores | rest, schema=SCORES), pl.DataFrame(whole, schema=WHOLE))


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(3).random(USERS)


def change(challenger: Evaluation, champion: Iterable[float], popularity: Iterable[float]) -> Decision:
    """What is decided on another configuration than the champion's."""
    opponents = {Opponent.POPULARITY: answers(popularity), Opponent.CHAMPION: answers(champion)}
    return decide(challenger, opponents, is_change=True)


def first(challenger: Evaluation, popularity: Iterable[float]) -> Decision:
    """What is decided where there is no champion."""
    return decide(challenger, {Opponent.POPULARITY: answers(popularity)}, is_change=True)


def unchanged(champion: Evaluation, popularity: Iterable[float]) -> Decision:
    """What is decided on the champion's own configuration."""
    return decide(champion, {Opponent.POPULARITY: answers(popularity)}, is_change=False)


def test_a_better_challenger_is_accepted(noise: np.ndarray) -> None:
    decision = change(answers(noise + 0.1), noise, noise)

    assert (decision.accepted, decision.reason) == (True, Reason.NOT_WORSE)
    assert [(it.opponent, it.users) for it in decision.comparisons] == [("popularity", 50), ("champion", 50)]
    assert decision.comparisons[1].difference.mean == pytest.approx(0.1)


def test_a_challenger_that_loses_more_than_chance_explains_is_refused(noise: np.ndarray) -> None:
    decision = change(answers(noise - 0.1), noise, noise - 0.2)

    assert (decision.accepted, decision.reason) == (False, Reason.WORSE)
    assert decision.detail.startswith("it loses more than chance explains: in discover against champion -19.5%")


def test_a_loss_within_the_margin_is_none(noise: np.ndarray) -> None:
    assert change(answers(noise * 0.99), noise, noise / 2).reason == Reason.NOT_WORSE


def test_a_challenger_that_may_lose_more_than_the_margin_is_not_accepted_by_chance(noise: np.ndarray) -> None:
    decision = change(answers(noise[::-1]), noise, noise / 10)

    assert (decision.accepted, decision.reason) == (False, Reason.INCONCLUSIVE)
    [against] = [it for it in decision.comparisons if it.opponent == "champion"]
    assert against.detectable > 0.05
    assert f"which takes some {against.users_needed:,} shoppers" in decision.detail


def test_as_many_shoppers_as_are_said_to_be_needed_are_enough(noise: np.ndarray) -> None:
    few = Comparison.of(Opponent.CHAMPION, "discover", answers(noise[::-1]), answers(noise))
    more = np.random.default_rng(4).random((2, few.users_needed))

    enough = Comparison.of(Opponent.CHAMPION, "discover", answers(more[0]), answers(more[1]))

    assert enough.detectable == pytest.approx(0.05, rel=0.2)


def test_a_challenger_that_beats_the_champion_and_loses_to_popularity_is_refused(noise: np.ndarray) -> None:
    decision = change(answers(noise), noise - 0.2, noise + 0.2)

    assert (decision.accepted, decision.reason) == (False, Reason.WORSE)
    assert "against popularity" in decision.detail


def test_a_champion_that_loses_to_popularity_does_not_pass_unseen(noise: np.ndarray) -> None:
    assert unchanged(answers(noise - 0.2), noise).reason == Reason.WORSE


def test_a_champion_stays_where_the_window_cannot_tell(noise: np.ndarray) -> None:
    decision = unchanged(answers(noise[::-1]), noise)

    assert (decision.accepted, decision.reason) == (True, Reason.INCONCLUSIVE)
    assert decision.detail.startswith("the configuration stays as it is")


def test_first_models_that_are_not_shown_to_be_as_good_leave_the_shop_to_popularity(noise: np.ndarray) -> None:
    decision = first(answers(noise[::-1]), noise)

    assert (decision.accepted, decision.reason) == (False, Reason.INCONCLUSIVE)
    assert "nothing shows yet that the models are as good" in (decision.or_popularity().popularity_because or "")


@pytest.mark.parametrize("users", [1, LEAST_USERS - 1])
def test_of_too_few_shoppers_nothing_is_concluded(users: int) -> None:
    better, worse = answers([0.9] * users), answers([0.1] * users)

    assert (first(better, [0.1] * users).accepted, first(better, [0.1] * users).reason) == (False, "too_little_data")
    assert (unchanged(worse, [0.9] * users).accepted, unchanged(worse, [0.9] * users).reason) == (
        True,
        "too_little_data",
    )


@pytest.mark.parametrize(("users", "reason"), [(1, Reason.NOT_WORSE), (LEAST_USERS - 1, Reason.INCONCLUSIVE)])
def test_a_task_of_too_few_shoppers_is_left_to_the_others_where_hardly_anyone_takes_part(
    users: int, reason: Reason, noise: np.ndarray
) -> None:
    def both(good: float, few: float) -> Evaluation:
        small = answers([few] * users)
        other = [frame.with_columns(task=pl.lit("all")) for frame in (small.scores, small.whole)]
        return Evaluation.of([answers(noise + good), Evaluation(*other)])

    decision = decide(both(0.1, 0.9), {Opponent.POPULARITY: both(0.0, 0.1)}, is_change=True)

    assert decision.reason == reason
    assert f"in all against popularity {users} of at least 30 shoppers" in decision.detail


@pytest.mark.parametrize(("coverage", "reason"), [(0.0, Reason.EMPTY), (0.0001, Reason.LOW_COVERAGE)])
def test_a_challenger_that_shows_next_to_nothing_is_refused(coverage: float, reason: Reason, noise: np.ndarray) -> None:
    decision = first(answers(noise, coverage), noise)

    assert (decision.accepted, decision.reason) == (False, reason)


def test_few_shoppers_need_not_reach_a_thousandth_of_a_large_catalogue() -> None:
    shown = 40 * 10  # nothing twice
    decision = unchanged(answers([0.5] * 40, coverage=shown / 1_000_000, items=1_000_000), [0.1] * 40)

    assert decision.reason == Reason.NOT_WORSE
    assert unchanged(answers([0.5] * 40, coverage=10 / 1_000_000, items=1_000_000), [0.1] * 40).reason == "low_coverage"


def test_without_purchases_in_the_window_there_is_nothing_to_decide() -> None:
    assert first(answers([]), []).reason == Reason.TOO_LITTLE_DATA


def test_a_first_challenger_meets_popularity(interactions: pl.DataFrame, items: pl.DataFrame, cut: datetime) -> None:
    decision = gate(interactions, items, SMALL, None, cut - WINDOW)

    assert {(it.opponent, it.task) for it in decision.comparisons} == {
        ("popularity", "all"),
        ("popularity", "discover"),
    }


@pytest.fixture
def fashion(make_lines: Callable) -> pl.DataFrame:
    """Forty shoppers who buy one of nineteen things again and again, and on day 80 all what is popular: product 1."""
    users = [(f"u{number:02}", 2 + number % 19) for number in range(40)]
    habits = [(user, product, day) for user, product in users for day in (50, 60, 70)]
    return make_lines([*habits, *((user, 1, day) for user, _ in users for day in (65, 80))])


BROKEN = TrainingConfig(als=ALSConfig(factors=2, regularisation=1e-30, alpha=1e30))
HABIT = SMALL.changed({"repurchase": {"weights": {"personal": 1}}})


@pytest.mark.parametrize("champion", [None, BROKEN, HABIT])
def test_a_challenger_worse_than_popularity_is_refused_whoever_the_champion_is(
    champion: TrainingConfig | None, fashion: pl.DataFrame, make_items: Callable, cut: datetime
) -> None:
    decision = gate(fashion, make_items(*range(1, 21)), HABIT, champion, cut - WINDOW)

    assert (decision.accepted, decision.reason) == (False, Reason.WORSE)
    assert {it.opponent for it in decision.comparisons} == {"popularity"}
    assert ("the champion is broken" in decision.detail) == (champion is BROKEN)


def test_another_configuration_meets_the_champion_too(
    fashion: pl.DataFrame, make_items: Callable, cut: datetime
) -> None:
    decision = gate(fashion, make_items(*range(1, 21)), SMALL, HABIT, cut - WINDOW)

    assert {it.opponent for it in decision.comparisons} == {"popularity", "champion"}


def test_a_challenger_that_gives_nan_is_refused(interactions: pl.DataFrame, items: pl.DataFrame, cut: datetime) -> None:
    assert gate(interactions, items, BROKEN, SMALL, cut - WINDOW).reason == Reason.NOT_FINITE


def test_a_shop_of_one_user_has_too_little_data(interactions: pl.DataFrame, items: pl.DataFrame, cut: datetime) -> None:
    decision = gate(interactions.filter(user_id="ann"), items, SMALL, None, cut - WINDOW)

    assert decision.reason == Reason.TOO_LITTLE_DATA
    assert decision.or_popularity().accepted


def test_a_shop_without_history_is_not_judged(interactions: pl.DataFrame, items: pl.DataFrame, cut: datetime) -> None:
    assert gate(interactions.clear(), items, SMALL, None, cut).reason == Reason.TOO_LITTLE_DATA
