import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ml.recommenders.ranking import MASKED, NonFiniteScoreError, best, tie_order

SCORES = hnp.arrays(
    np.float32,
    st.tuples(st.integers(0, 4), st.integers(1, 12)),
    elements=st.one_of(
        st.sampled_from([0.0, -0.0, 1.0, MASKED]), st.floats(-(2.0**90), 2.0**90, width=32, allow_subnormal=False)
    ),
)


@given(scores=SCORES, k=st.integers(0, 15), seed=st.integers(0, 99))
def test_it_agrees_with_a_full_stable_sort(scores: np.ndarray, k: int, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(scores.shape[1])

    positions, values = best(scores, order, k)

    for row, found, score in zip(scores, positions, values, strict=True):
        expected = sorted((i for i in order if row[i] > MASKED), key=lambda i: -row[i])[:k]
        assert [int(i) for i in found if i >= 0] == expected
        assert score[found >= 0].tolist() == row[expected].tolist()


@pytest.mark.parametrize("n_items", [63, 64, 65, 129, 1_000])
@pytest.mark.parametrize("values", [[0.0, -0.0, 1.0, MASKED], [*range(500)]], ids=["ties", "few ties"])
def test_many_items_are_ranked_like_few(n_items: int, values: list[float]) -> None:
    rng = np.random.default_rng(n_items)
    scores = rng.choice(np.array(values, dtype=np.float32), (3, n_items))
    order = rng.permutation(n_items)[: n_items - 5]

    for k in (1, 2, 31, n_items):
        positions, _ = best(scores, order, k)
        for row, found in zip(scores, positions, strict=True):
            expected = sorted((i for i in order if row[i] > MASKED), key=lambda i: -row[i])[:k]
            assert [int(i) for i in found if i >= 0] == expected


def test_only_positions_in_the_order_are_returned() -> None:
    positions, _ = best(np.array([[9, 1, 5, 7]], dtype=np.float32), np.array([2, 1]), 4)

    assert positions.tolist() == [[2, 1]]


def test_ties_go_to_the_more_popular_then_to_the_lower_id() -> None:
    ids = np.array([10, 20, 30, 40])
    recent, ever = np.array([0, 1, 1, 0], dtype=np.float32), np.array([9, 1, 2, 9], dtype=np.float32)

    assert tie_order(ids, recent, ever).tolist() == [2, 1, 0, 3]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_score_that_is_no_number_is_refused(bad: float) -> None:
    with pytest.raises(NonFiniteScoreError):
        best(np.array([[1, bad]], dtype=np.float32), np.array([0, 1]), 1)
