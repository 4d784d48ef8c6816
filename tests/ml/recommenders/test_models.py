"""Each model against figures that can be worked out by hand or by the textbook formula."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from ml.dataset import Dataset
from ml.recommenders import (
    ALS,
    EASE,
    ALSConfig,
    Blend,
    BlendConfig,
    ContentBased,
    EASEConfig,
    ItemKNN,
    ItemKNNConfig,
    PersonalFrequency,
    Popularity,
    PopularityConfig,
    Recommender,
    TifuKNN,
    TifuKNNConfig,
    content,
)


@pytest.fixture
def dataset(interactions: pl.DataFrame, items: pl.DataFrame, cut: datetime) -> Dataset:
    return Dataset.build(interactions, items, cut)


def scores(lists: pl.DataFrame) -> dict[int, float]:
    return dict(lists.select("product_id", "score").iter_rows())


def test_popularity_counts_the_baskets_of_its_window(dataset: Dataset) -> None:
    wide = Popularity(PopularityConfig(days=1000)).fit(dataset)

    assert scores(wide.recommend(["ann"])) == {1: 5, 2: 4, 5: 4, 3: 3, 4: 3, 6: 2, 8: 0}


def test_personal_frequency_prefers_what_was_bought_often_and_lately(dataset: Dataset) -> None:
    found = scores(PersonalFrequency().fit(dataset).recommend(["ann"], k=3))

    assert found == pytest.approx(
        {1: np.exp(-90 / 120) + np.exp(-60 / 120) + np.exp(-5 / 120), 3: np.exp(-30 / 120), 2: np.exp(-90 / 120)}
    )


def test_tifu_knn_mixes_the_own_profile_with_that_of_the_nearest(make_lines: Callable, make_items: Callable) -> None:
    # One basket each on the same day, so profiles are 0/1 vectors of length 1; a and b share 2, c is apart.
    bought = make_lines([("a", 1, 1), ("a", 2, 1), ("b", 2, 1), ("b", 3, 1), ("c", 4, 1)])
    model = TifuKNN(TifuKNNConfig(neighbours=1, own_share=0.6)).fit(Dataset.build(bought, make_items(1, 2, 3, 4)))

    half = 1 / np.sqrt(2)
    assert scores(model.recommend(["a"])) == pytest.approx({1: 0.6 * half, 2: half, 3: 0.4 * half, 4: 0})


def test_tifu_knn_leans_on_everyone_rather_than_on_a_stranger(make_lines: Callable, make_items: Callable) -> None:
    # Nobody shares a product with anybody; 5 is the best seller.
    bought = make_lines([("a", 1, 1), ("b", 2, 1), ("c", 5, 1), ("d", 5, 1)])
    model = TifuKNN(TifuKNNConfig(neighbours=2)).fit(Dataset.build(bought, make_items(1, 2, 3, 4, 5)))

    lists = model.recommend(["a"])

    assert scores(lists) == pytest.approx({1: 0.7 + 0.3 / 4, 5: 0.3 / 2, 2: 0.3 / 4, 3: 0, 4: 0})


def test_tifu_knn_takes_everyones_mean_for_neighbours_that_are_missing(
    make_lines: Callable, make_items: Callable
) -> None:
    # Of two neighbours a has one, b; the other half of their share goes to the mean of all three.
    bought = make_lines([("a", 1, 1), ("b", 1, 1), ("c", 2, 1)])
    model = TifuKNN(TifuKNNConfig(neighbours=2)).fit(Dataset.build(bought, make_items(1, 2)))

    assert scores(model.recommend(["a"])) == pytest.approx({1: 0.7 + 0.15 + 0.15 * 2 / 3, 2: 0.15 / 3})


@pytest.mark.parametrize("products", [9, 4])
def test_ease_equals_the_textbook_with_fewer_users_than_items_and_with_more(
    products: int, interactions: pl.DataFrame, make_items: Callable, cut: datetime
) -> None:
    dataset = Dataset.build(interactions, make_items(*range(1, products + 1)), cut)
    config = EASEConfig(regularisation=0.5, trend_power=0)
    weights = dataset.decayed(config.decay_days).log1p().toarray().astype(np.float64)
    inverse = np.linalg.inv(weights.T @ weights + 0.5 * np.eye(weights.shape[1]))
    coefficients = -inverse / np.diag(inverse)
    np.fill_diagonal(coefficients, 0)

    model = EASE(config).fit(dataset)

    assert len(model.inverse) == min(dataset.shape)
    assert model._score(np.arange(5)) == pytest.approx(weights @ coefficients, abs=1e-5)


@pytest.mark.parametrize("products", [9, 4])
def test_for_ease_a_purchase_of_1970_weighs_nothing(
    products: int, make_lines: Callable, make_items: Callable, cut: datetime
) -> None:
    bought = [("ann", 1, 90), ("ann", 2, 90), ("bob", 2, 95), ("cid", 3, 95), ("dot", 4, 95), ("eve", 1, 95)]
    catalogue = make_items(*range(1, products + 1))
    without = EASE().fit(Dataset.build(make_lines(bought), catalogue, cut))
    model = EASE().fit(Dataset.build(make_lines([*bought, ("bob", 1, -20_000)]), catalogue, cut))

    assert scores(model.recommend(["bob"])) == scores(without.recommend(["bob"]))


def test_a_product_on_the_rise_gains_by_the_trend(dataset: Dataset) -> None:
    model = EASE(EASEConfig(trend_power=0.5)).fit(dataset)

    # 5 was bought three times in 28 days and four times in 112; 2 never in 28 and four times in 112.
    assert model.trend[4] == pytest.approx(np.sqrt((3 + 1) / (4 / 4 + 1)))
    assert model.trend[1] == pytest.approx(np.sqrt((0 + 1) / (4 / 4 + 1)))


def test_als_finds_the_block_that_a_user_belongs_to(make_lines: Callable, make_items: Callable) -> None:
    milk = [(user, product, 1) for user in "abc" for product in (1, 3, 5) if (user, product) != ("a", 5)]
    bread = [(user, product, 1) for user in "xyz" for product in (2, 4, 6)]
    dataset = Dataset.build(make_lines(milk + bread), make_items(1, 2, 3, 4, 5, 6))

    model = ALS(ALSConfig(factors=2, regularisation=0.01)).fit(dataset)

    assert model.recommend(["a"], k=1, exclude_seen=True)["product_id"].to_list() == [5]


def test_item_knn_likeness_is_the_cosine_of_buyers(make_lines: Callable, make_items: Callable) -> None:
    bought = make_lines([("a", 1, 1), ("a", 2, 1), ("b", 2, 1), ("c", 4, 1)])
    model = ItemKNN(ItemKNNConfig(shrinkage=0, least_support=1)).fit(Dataset.build(bought, make_items(1, 2, 4)))

    similar = model.similar(5)

    assert similar["product_id"].to_list() == [1, 2]
    assert similar["neighbour_id"].to_list() == [2, 1]
    assert similar["score"].to_list() == pytest.approx([1 / np.sqrt(2)] * 2)


def test_what_too_few_shoppers_bought_together_does_not_go_together(make_lines: Callable, make_items: Callable) -> None:
    both = [(user, product, 1) for user in ("a", "b") for product in (1, 2)]
    bought = make_lines([*both, ("a", 4, 2), ("a", 4, 3), ("c", 4, 1)])  # 4 went with 1 and 2 for one shopper, twice
    dataset = Dataset.build(bought, make_items(1, 2, 4))

    similar = ItemKNN(ItemKNNConfig(least_support=2)).fit(dataset).similar(5)

    assert similar.select("product_id", "neighbour_id").rows() == [(1, 2), (2, 1)]
    assert ItemKNN(ItemKNNConfig(least_support=3)).fit(dataset).similar(5).is_empty()


def test_similar_products_are_available_ones_in_order(dataset: Dataset) -> None:
    similar = ItemKNN(ItemKNNConfig(least_support=1)).fit(dataset).similar(3, items=[2, 7, 999])

    assert set(similar["product_id"]) == {2, 7}
    assert not similar["neighbour_id"].is_in([7, 9]).any()
    assert similar.filter(product_id=2)["rank"].to_list() == [1, 2, 3]
    assert similar.filter(product_id=2)["score"].is_sorted(descending=True)
    assert similar["score"].is_between(0, 1, closed="right").all()


def test_content_offers_a_product_that_nobody_bought_to_who_buys_its_kind(
    make_lines: Callable, make_items: Callable
) -> None:
    bought = make_lines([("milky", 1, 1), ("milky", 3, 2), ("bready", 2, 1), ("bready", 4, 2)])
    model = ContentBased().fit(Dataset.build(bought, make_items(1, 2, 3, 4, 5, 6)))

    assert model.recommend(["milky", "bready"], k=1, exclude_seen=True)["product_id"].to_list() == [5, 6]


def test_content_likeness_stays_within_the_category(dataset: Dataset) -> None:
    similar = ContentBased().fit(dataset).similar(20)

    assert ((similar["product_id"] - similar["neighbour_id"]) % 2 == 0).all()
    assert set(similar.filter(product_id=8)["neighbour_id"]) == {2, 4, 6}


def test_content_likeness_does_not_depend_on_how_a_category_is_divided(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ContentBased().fit(dataset).similar(20)
    monkeypatch.setattr(content, "_BLOCK", 2)

    assert ContentBased().fit(dataset).similar(20).equals(whole)


def test_similar_products_are_found_when_they_are_asked_for_by_a_loaded_model_too(
    dataset: Dataset, tmp_path: Path
) -> None:
    model = ContentBased().fit(dataset)
    model.save(tmp_path / "model")

    assert "neighbours" not in vars(model)
    assert Recommender.load(tmp_path / "model").similar(20).equals(model.similar(20))


def test_a_model_that_is_fitted_again_forgets_the_similar_products_of_before(
    dataset: Dataset, interactions: pl.DataFrame, items: pl.DataFrame, cut: datetime
) -> None:
    model = ContentBased().fit(dataset)
    model.similar(20)
    fewer = Dataset.build(interactions, items.filter(pl.col("product_id") < 7), cut)

    assert model.fit(fewer).similar(20).equals(ContentBased().fit(fewer).similar(20))


def test_content_takes_prices_as_decimals_and_does_without(
    dataset: Dataset, interactions: pl.DataFrame, items: pl.DataFrame
) -> None:
    money = items.with_columns(price=pl.col("price").cast(pl.Decimal(12, 2)))
    unknown = items.with_columns(price=pl.lit(None, dtype=pl.Float64), product_type=pl.lit(None, dtype=pl.String))

    expected = ContentBased().fit(dataset).recommend()
    assert ContentBased().fit(Dataset.build(interactions, money, dataset.cut)).recommend().equals(expected)
    assert ContentBased().fit(Dataset.build(interactions, unknown, dataset.cut)).recommend(["ann"], k=2).height == 2


def test_a_blend_weighs_parts_of_equal_length(dataset: Dataset) -> None:
    parts = {"popularity": Popularity(), "personal": PersonalFrequency()}
    blend = Blend(BlendConfig(weights={"popularity": 1, "personal": 2}), parts).fit(dataset)
    own, common = parts["personal"]._score(np.array([0])), parts["popularity"]._score(np.array([0]))

    expected = common / np.linalg.norm(common) + 2 * own / np.linalg.norm(own)
    assert blend._score(np.array([0])) == pytest.approx(expected)


def test_a_blend_for_discovery_ignores_what_was_bought(dataset: Dataset) -> None:
    blend = Blend(BlendConfig(weights={"personal": 1}, new_only=True), {"personal": PersonalFrequency()}).fit(dataset)

    assert not blend._score(np.arange(5)).any()
