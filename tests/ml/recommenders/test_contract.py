"""What every recommender keeps to."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml.dataset import Dataset
from ml.recommenders import ALSConfig, Blend, BlendConfig, Recommender, TooLittleDataError
from ml.training.configuration import SINGLE

RECOMMENDABLE = {1, 2, 3, 4, 5, 6, 8}


def make(name: str) -> Recommender:
    if name == "als":
        return SINGLE["als"](ALSConfig(factors=4, regularisation=0.1))
    if name == "blend":
        return Blend(
            BlendConfig(weights={"ease": 1, "item_knn": 0.5}), {part: make(part) for part in ("ease", "item_knn")}
        )
    return SINGLE[name]()


@pytest.fixture(params=sorted(Recommender.kinds))
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def dataset(interactions: pl.DataFrame, items: pl.DataFrame, cut: datetime) -> Dataset:
    return Dataset.build(interactions, items, cut)


@pytest.fixture
def model(name: str, dataset: Dataset) -> Recommender:
    return make(name).fit(dataset)


def test_every_recommender_of_the_library_is_under_contract() -> None:
    assert set(Recommender.kinds) == {*SINGLE, "blend"}


def test_lists_are_ranked_by_score_from_rank_one(model: Recommender) -> None:
    lists = model.recommend(k=4)

    assert lists["user_id"].unique(maintain_order=True).to_list() == ["ann", "bob", "cid", "dot", "eve"]
    for _, one in lists.group_by("user_id"):
        assert one["rank"].to_list() == [1, 2, 3, 4]
        assert one["score"].is_sorted(descending=True)


def test_the_same_seed_gives_the_same_lists(name: str, dataset: Dataset) -> None:
    assert make(name).fit(dataset).recommend().equals(make(name).fit(dataset).recommend())


def test_a_seen_product_is_left_out_when_asked(model: Recommender, interactions: pl.DataFrame) -> None:
    lists = model.recommend(k=100, exclude_seen=True)

    assert lists.join(interactions, on=["user_id", "product_id"]).is_empty()
    assert set(lists.filter(user_id="ann")["product_id"]) == RECOMMENDABLE - {1, 2, 3}


def test_inactive_and_unrecommendable_products_are_never_returned(model: Recommender) -> None:
    assert set(model.recommend(k=100)["product_id"]) == RECOMMENDABLE


def test_a_product_stands_once_in_a_list_and_scores_are_finite(model: Recommender) -> None:
    lists = model.recommend(k=100)

    assert not lists.select("user_id", "product_id").is_duplicated().any()
    assert lists["score"].is_finite().all()


def test_k_larger_than_the_catalogue_gives_all_of_it(model: Recommender) -> None:
    assert model.recommend(["ann"], k=10_000).height == len(RECOMMENDABLE)


def test_candidates_alone_are_returned_and_unknown_ones_ignored(model: Recommender) -> None:
    assert set(model.recommend(k=100, candidates=[2, 5, 7, 12345])["product_id"]) == {2, 5}


def test_an_unknown_user_gets_what_is_popular(model: Recommender) -> None:
    lists = model.recommend(["zoe", "ann"], k=3)

    assert lists["user_id"].to_list() == ["zoe"] * 3 + ["ann"] * 3
    assert lists["product_id"].to_list()[:3] == [5, 1, 3]  # 3, 2, 1 baskets since day 72; 3 ties with 4, also in all


def test_an_unknown_user_gets_what_was_popular_in_the_days_that_count(name: str, dataset: Dataset) -> None:
    lists = make(name).fit(dataset, popular_days=1000).recommend(["zoe"], k=3)

    assert lists["product_id"].to_list() == [1, 2, 5]  # 5, 4, 4 baskets ever


def test_nobody_asked_gives_an_empty_frame(model: Recommender) -> None:
    assert model.recommend([]).schema == model.recommend().schema
    assert model.recommend([]).is_empty()


def test_a_saved_model_gives_the_same_lists_when_loaded(model: Recommender, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    loaded = Recommender.load(tmp_path / "model")

    assert type(loaded) is type(model)
    assert loaded.config == model.config
    assert loaded.recommend(["ann", "zoe"], exclude_seen=True).equals(
        model.recommend(["ann", "zoe"], exclude_seen=True)
    )
    assert not [file for file in (tmp_path / "model").rglob("*") if file.suffix in {".pkl", ".pickle"}]


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1000))
def test_the_order_of_rows_does_not_matter(
    name: str, interactions: pl.DataFrame, items: pl.DataFrame, cut: datetime, seed: int
) -> None:
    shuffled = Dataset.build(
        interactions.sample(fraction=1, shuffle=True, seed=seed), items.sample(fraction=1, shuffle=True, seed=seed), cut
    )
    in_order = Dataset.build(interactions, items, cut)

    assert make(name).fit(shuffled).recommend().equals(make(name).fit(in_order).recommend())


def test_a_user_or_a_product_added_later_moves_nobody(
    model: Recommender, name: str, interactions: pl.DataFrame, cut: datetime, make_lines: Callable, make_items: Callable
) -> None:
    later = pl.concat([interactions, make_lines([("aaa", 1, 99)])])
    grown = make(name).fit(Dataset.build(later, make_items(0, *range(1, 10)), cut))

    assert grown.recommend(["ann"], k=100, exclude_seen=True)["product_id"].to_list().count(0) == 1
    assert set(grown.recommend(["ann"], k=100, exclude_seen=True)["product_id"]) - {0} == RECOMMENDABLE - {1, 2, 3}
    assert model.recommend(["ann"], exclude_seen=True)["product_id"].is_in([4, 5, 6, 8]).all()


def test_nothing_bought_is_too_little_data_except_for_popularity(
    name: str, interactions: pl.DataFrame, items: pl.DataFrame
) -> None:
    empty = Dataset.build(interactions.clear(), items)
    if name == "popularity":
        assert make(name).fit(empty).recommend(["zoe"], k=2)["product_id"].to_list() == [1, 2]
    else:
        with pytest.raises(TooLittleDataError, match="users with purchases"):
            make(name).fit(empty)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    bought=st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 9), st.integers(0, 99)), min_size=1, max_size=20),
    k=st.integers(1, 12),
)
def test_any_small_shop_gives_every_user_full_lists(
    name: str, items: pl.DataFrame, cut: datetime, make_lines: Callable, bought: list, k: int
) -> None:
    bought = [*bought, ("a", 1, 1), ("b", 2, 2)]
    lists = make(name).fit(Dataset.build(make_lines(bought), items, cut)).recommend(k=k)

    counts = lists.group_by("user_id").len()
    assert counts["len"].to_list() == [min(k, len(RECOMMENDABLE))] * len({user for user, _, _ in bought})
    assert np.isfinite(lists["score"].to_numpy()).all()


def test_what_buyers_send_back_sinks_in_every_model(
    name: str, interactions: pl.DataFrame, items: pl.DataFrame, cut: datetime, make_lines: Callable
) -> None:
    sent_back = make_lines([(f"zoe{number}", 5, 50) for number in range(30)])

    before, after = (
        make(name).fit(Dataset.build(interactions, items, cut, returned)).recommend().filter(product_id=5)
        for returned in (None, sent_back)
    )

    places = before.join(after, on="user_id").select("rank", "rank_right")
    assert (places["rank_right"] >= places["rank"]).all()
    assert (places["rank_right"] > places["rank"]).any()
