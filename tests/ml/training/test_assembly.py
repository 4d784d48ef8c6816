"""A bundle's content, put together from a dataset small enough to check by hand."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from ml.bundle.bundle import check
from ml.bundle.content import ACTIVITY, ITEMS, to_files
from ml.dataset import Dataset
from ml.recommenders import ALSConfig, ItemKNNConfig
from ml.training.assembly import assemble, content_of, history, neighbours, popularity
from ml.training.configuration import TrainingConfig, fit_all

CUT = datetime(2026, 11, 25, tzinfo=UTC)
VIEWED = pl.DataFrame(schema=ACTIVITY)
LINES = [  # user, product, order, days before the cut
    ("7", 11, 1, 40),
    ("7", 11, 2, 30),
    ("7", 11, 3, 10),
    ("7", 12, 3, 10),
    ("8", 12, 4, 50),
]


@pytest.fixture
def dataset() -> Dataset:
    """Two users; product 13 was never bought."""
    interactions = pl.DataFrame(
        [(user, item, order, CUT - timedelta(days=days)) for user, item, order, days in LINES],
        schema=["user_id", "product_id", "order_id", "ordered_at"],
        orient="row",
    )
    items = pl.DataFrame(
        {
            name: [11, 12, 13] if name == "product_id" else pl.Series([None] * 3, dtype=kind)
            for name, kind in ITEMS.items()
        },
        schema=ITEMS,
    ).with_columns(
        name=pl.lit("a"), price=pl.lit("1.00").cast(pl.Decimal(12, 2)), currency=pl.lit("USD"), stock=pl.lit(1),
        is_active=pl.lit(value=True), is_recommendable=pl.lit(value=True),
    )  # fmt: skip
    return Dataset.build(interactions, items, CUT)


def test_history_counts_baskets_and_knows_the_users_own_interval(dataset):
    bought = history(dataset)

    assert bought.indptr.tolist() == [0, 2, 3]
    assert bought.items.tolist() == [0, 1, 1]
    assert bought.counts.tolist() == [3, 1, 1]
    assert bought.interval_days.tolist() == [15, 0, 0]
    assert datetime.fromtimestamp(int(bought.last_bought[0]), UTC) == CUT - timedelta(days=10)


def test_what_sold_lately_stands_before_what_sold_long_ago(dataset):
    assert popularity(dataset) == pytest.approx([1 + 3 / 6, 1 + 2 / 6, 0])


def test_popularity_is_of_the_days_that_its_configuration_counts(dataset):
    days = TrainingConfig().changed({"popularity": {"days": 20}})

    content = content_of(dataset, fit_all(dataset, days, ["popularity"]), [], pl.DataFrame(schema=ACTIVITY))

    assert content.popularity == pytest.approx([1 + 3 / 6, 1 + 2 / 6, 0])
    wide = fit_all(dataset, days.changed({"popularity": {"days": 35}}), ["popularity"])
    content = content_of(dataset, wide, [], pl.DataFrame(schema=ACTIVITY))
    assert content.popularity == pytest.approx([2 + 3 / 6, 1 + 2 / 6, 0])


def test_what_comes_back_stands_behind_what_is_kept_in_all_that_shelves_use(dataset):
    kept = pl.DataFrame(
        [(user, item, int(user) * 10, CUT - timedelta(days=1)) for user in "78" for item in (11, 12, 13)],
        schema=["user_id", "product_id", "order_id", "ordered_at"],
        orient="row",
    )
    sent_back = kept[:1].with_columns(user_id=pl.lit("9"), order_id=99, product_id=11)
    built = Dataset.build(kept, dataset.items, CUT, sent_back)

    content = content_of(built, fit_all(built, TrainingConfig(), ["popularity", "content"]), ["repurchase"], VIEWED)

    assert content.popularity[0] < content.popularity[1]
    assert content.candidates["repurchase"].items[0].tolist() == [1, 2, 0]
    assert content.neighbours.items[2].tolist() == [1, 0]


def test_models_are_asked_for_all_that_a_bundle_holds(dataset):
    fitted = fit_all(dataset, TrainingConfig(als=ALSConfig(factors=2)))

    content = content_of(dataset, fitted, ["discover", "repurchase"], pl.DataFrame(schema=ACTIVITY))

    check(content, ["discover", "repurchase"])
    assert content.candidates["discover"].items[0].tolist() == [2, -1]  # who bought 11 and 12 has only 13 to discover
    assert content.factors.shape == (3, 2)


def test_popularity_stands_in_where_models_had_too_little_data(dataset):
    fitted = fit_all(dataset, TrainingConfig(), ["popularity"])

    content = content_of(dataset, fitted, ["repurchase"], pl.DataFrame(schema=ACTIVITY))

    assert content.candidates["repurchase"].items.tolist() == [[0, 1, 2]] * 2
    assert content.neighbours.items.shape == (3, 0)
    assert content.factors.shape == (3, 0)


def test_what_was_browsed_trains_nothing(dataset):
    fitted = fit_all(dataset, TrainingConfig(item_knn=ItemKNNConfig(least_support=1)), ["popularity", "item_knn"])
    viewed = pl.DataFrame([("7", 13, "VIEW", CUT, None, None)], schema=ACTIVITY, orient="row")

    without, with_it = (to_files(content_of(dataset, fitted, ["discover"], each)) for each in (viewed.clear(), viewed))

    different = [name for name, part in with_it.items() if not same(part, without[name])]
    assert different == ["activity.arrow"]


def same(part, other):
    return part.equals(other) if isinstance(part, pl.DataFrame) else np.array_equal(part, other)


def test_an_item_without_buyers_has_neighbours_by_what_it_is(dataset):
    fitted = fit_all(dataset, TrainingConfig(item_knn=ItemKNNConfig(least_support=1)), ["item_knn", "content"])

    similar = neighbours(fitted)

    assert similar.filter(pl.col("product_id") == 11)["neighbour_id"].to_list() == [12]
    assert similar.filter(pl.col("product_id") == 13)["neighbour_id"].to_list() == [11, 12]
    assert dict(similar.select("product_id", "together").iter_rows()) == {11: True, 12: True, 13: False}


def test_lists_become_rows_of_item_positions_filled_up_with_minus_one(dataset):
    lists = pl.DataFrame(
        {"user_id": ["8", "7", "7"], "product_id": [13, 12, 11], "score": [0.5, 0.9, 0.8], "rank": [1, 1, 2]}
    )
    similar = pl.DataFrame({"product_id": [12], "neighbour_id": [11], "score": [0.7], "rank": [1], "together": [True]})

    content = assemble(
        dataset, {"discover": lists}, similar, np.ones((3, 2), np.float32), pl.DataFrame(schema=ACTIVITY)
    )

    check(content, ["discover"])
    assert content.candidates["discover"].items.tolist() == [[1, 0], [2, -1]]
    assert content.neighbours.items.tolist() == [[-1], [0], [-1]]
    assert content.together.tolist() == [False, True, False]
