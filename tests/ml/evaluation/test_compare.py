import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.evaluation.compare import Interval, interval, paired


def frame(values: list[float]) -> pl.DataFrame:
    return pl.DataFrame({"user_id": [f"u{i:03}" for i in range(len(values))], "ndcg": values})


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_the_interval_holds_the_mean_and_repeats_with_the_seed(values: list[float]) -> None:
    found = interval(np.array(values))

    assert found.low - 1e-9 <= found.mean <= found.high + 1e-9
    assert found == interval(np.array(values))


def test_the_width_is_that_of_the_normal_approximation() -> None:
    values = np.random.default_rng(1).random(400)

    found = interval(values)

    assert found.high - found.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)


def test_of_nothing_it_is_zero() -> None:
    assert interval(np.array([])) == Interval(0, 0, 0)


def test_a_small_difference_that_all_users_share_is_certain_when_paired() -> None:
    values = np.random.default_rng(1).random(100)

    found = paired(frame(list(values + 0.001)), frame(list(values)), "ndcg")

    assert found.low == pytest.approx(0.001)
    assert found.high == pytest.approx(0.001)


def test_users_are_paired_by_id_not_by_row() -> None:
    values = frame([0.1, 0.5, 0.9])

    assert paired(values, values.reverse(), "ndcg") == Interval(0, 0, 0)
