from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from ml.dataset import Dataset, DatasetError, positions


def test_a_user_and_a_product_stand_at_the_place_of_their_sorted_ids(
    interactions: pl.DataFrame, items: pl.DataFrame
) -> None:
    dataset = Dataset.build(interactions, items.reverse())

    assert dataset.users.tolist() == ["ann", "bob", "cid", "dot", "eve"]
    assert dataset.item_ids.tolist() == list(range(1, 10))
    assert dataset.counts.shape == dataset.shape == (5, 9)


def test_baskets_are_counted_not_lines(make_lines: Callable, make_items: Callable) -> None:
    twice_in_one_basket_and_once_later = make_lines([("ann", 1, 10), ("ann", 1, 10), ("ann", 1, 20)])

    dataset = Dataset.build(twice_in_one_basket_and_once_later, make_items(1))

    assert dataset.counts.toarray().tolist() == [[2]]


def test_lines_at_or_after_the_cut_are_left_out(make_lines: Callable, make_items: Callable) -> None:
    cut = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=20)

    dataset = Dataset.build(make_lines([("ann", 1, 19), ("ann", 2, 20)]), make_items(1, 2), cut)

    assert dataset.counts.toarray().tolist() == [[1, 0]]
    assert dataset.age.tolist() == [1.0]


def test_products_missing_in_the_catalogue_are_left_out(make_lines: Callable, make_items: Callable) -> None:
    assert Dataset.build(make_lines([("ann", 1, 1), ("bob", 77, 1)]), make_items(1)).users.tolist() == ["ann"]


def test_a_basket_decays_with_its_age(make_lines: Callable, make_items: Callable, cut: datetime) -> None:
    dataset = Dataset.build(make_lines([("ann", 1, 40), ("ann", 1, 100 - 1)]), make_items(1), cut)

    assert dataset.decayed(60).toarray()[0, 0] == pytest.approx(np.exp(-1) + np.exp(-1 / 60))
    assert dataset.decayed(60).dtype == np.float32


def test_popularity_counts_baskets_of_the_last_days(make_lines: Callable, make_items: Callable, cut: datetime) -> None:
    dataset = Dataset.build(make_lines([("ann", 1, 10), ("bob", 1, 95), ("bob", 2, 95)]), make_items(1, 2, 3), cut)

    assert dataset.popularity().tolist() == [2, 1, 0]
    assert dataset.popularity(28).tolist() == [1, 1, 0]


def test_a_flag_that_is_unknown_means_not_available(make_items: Callable, make_lines: Callable) -> None:
    items = make_items(1, 2).with_columns(is_recommendable=pl.Series([None, True]))

    assert Dataset.build(make_lines([("ann", 1, 1)]), items).is_available.tolist() == [False, True]


def test_a_missing_column_is_named(interactions: pl.DataFrame, items: pl.DataFrame) -> None:
    with pytest.raises(DatasetError, match="interactions lack the columns order_id, ordered_at"):
        Dataset.build(interactions.drop("order_id", "ordered_at"), items)


def test_a_product_twice_in_the_catalogue_is_refused(interactions: pl.DataFrame, items: pl.DataFrame) -> None:
    with pytest.raises(DatasetError, match="twice"):
        Dataset.build(interactions, pl.concat([items, items[:1]]))


def test_an_unknown_id_has_position_minus_one() -> None:
    assert positions(np.array(["c", "x", "a", "z"]), np.array(["a", "c"])).tolist() == [1, -1, 0, -1]
    assert positions(np.array([5]), np.array([], dtype=np.int64)).tolist() == [-1]
