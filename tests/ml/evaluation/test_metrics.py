from collections.abc import Callable
from datetime import datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from ml.dataset import Dataset
from ml.evaluation import metrics


def lists(**products: list[int]) -> pl.DataFrame:
    rows = [(user, product, rank) for user, ranked in products.items() for rank, product in enumerate(ranked, 1)]
    return pl.DataFrame(rows, schema={"user_id": pl.String, "product_id": pl.Int64, "rank": pl.Int32}, orient="row")


def relevant(**products: list[int]) -> pl.DataFrame:
    rows = [(user, product) for user, wanted in products.items() for product in wanted]
    return pl.DataFrame(rows, schema={"user_id": pl.String, "product_id": pl.Int64}, orient="row")


def test_accuracy_of_a_list_worked_out_by_hand() -> None:
    found = metrics.per_user(lists(ann=[9, 1, 8, 2]), relevant(ann=[1, 2, 3]), k=4).row(0, named=True)

    ideal = 1 + 1 / np.log2(3) + 1 / np.log2(4)
    assert found["ndcg"] == pytest.approx((1 / np.log2(3) + 1 / np.log2(5)) / ideal)
    assert found["recall"] == pytest.approx(2 / 3)
    assert found["average_precision"] == pytest.approx((1 / 2 + 2 / 4) / 3)
    assert found["reciprocal_rank"] == pytest.approx(1 / 2)


def test_the_ideal_list_is_cut_at_k() -> None:
    assert metrics.per_user(lists(ann=[1, 2]), relevant(ann=[1, 2, 3, 4]), k=2)["ndcg"].to_list() == pytest.approx([1])


def test_hits_below_k_do_not_count() -> None:
    assert metrics.per_user(lists(ann=[9, 8, 1]), relevant(ann=[1]), k=2)["ndcg"].to_list() == [0.0]


def test_who_got_no_list_scores_zero_and_who_wants_nothing_takes_no_part() -> None:
    found = metrics.per_user(lists(ann=[1], bob=[1]), relevant(ann=[1], zoe=[1]), k=10)

    assert found["user_id"].to_list() == ["ann", "zoe"]
    assert found.select(metrics.ACCURACY).rows() == [(1.0,) * 4, (0.0,) * 4]


@given(ranked=st.permutations(range(12)), wanted=st.sets(st.integers(0, 11), min_size=1), k=st.integers(1, 12))
def test_ndcg_agrees_with_scikit_learn(ranked: list[int], wanted: set[int], k: int) -> None:
    truth = np.array([[float(item in wanted) for item in range(12)]])
    score = np.array([[-float(ranked.index(item)) for item in range(12)]])

    found = metrics.per_user(lists(ann=list(ranked)), relevant(ann=sorted(wanted)), k)["ndcg"][0]

    assert found == pytest.approx(ndcg_score(truth, score, k=k))


def test_coverage_is_the_share_of_the_catalogue_shown_to_anyone() -> None:
    assert metrics.coverage(lists(ann=[1, 2], bob=[2, 3]), 6) == 0.5


def test_novelty_is_higher_for_what_few_have_bought(make_lines: Callable, make_items: Callable, cut: datetime) -> None:
    history = Dataset.build(make_lines([("ann", 1, 1), ("bob", 1, 1), ("cid", 2, 1)]), make_items(1, 2, 3), cut)

    assert metrics.novelty(lists(ann=[1, 2, 3]), history) == pytest.approx(-np.mean(np.log2([3 / 4, 2 / 4, 1 / 4])))
