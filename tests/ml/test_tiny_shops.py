"""Whatever few purchases a shop has: something is judged, fitted, bundled, and stands on its shelves."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.bundle.bundle import About, Bundle, check, write
from ml.bundle.check import EmptyBundleError
from ml.bundle.content import ACTIVITY, ITEMS
from ml.dataset import Dataset
from ml.evaluation.gate import Decision, Reason, gate
from ml.recommenders import ALSConfig
from ml.shelves.composing import Rules
from ml.shelves.generation import compose_all
from ml.training.assembly import content_of
from ml.training.configuration import POPULARITY, POPULARITY_MODELS, TrainingConfig, fit_all

NOW = datetime(2026, 11, 2, tzinfo=UTC)
DEFAULTS = TrainingConfig(als=ALSConfig(factors=2))
RULES = Rules.load()

Bought = list[tuple[int, int, int]]
"""User, product, days ago."""


def lines(bought: Bought) -> pl.DataFrame:
    rows = [
        (f"u{user}", product, 1000 * user + days, NOW - timedelta(days=days)) for user, product, days in set(bought)
    ]
    schema = {
        "user_id": pl.String,
        "product_id": pl.Int64,
        "order_id": pl.Int64,
        "ordered_at": pl.Datetime("us", "UTC"),
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def catalogue(products: int) -> pl.DataFrame:
    """Products 1 to so many, of one price, in no category."""
    given = {
        "product_id": list(range(1, products + 1)), "name": "Tea", "price": "1.00", "currency": "JPY", "rating": 0.0,
        "is_active": True, "is_recommendable": True, "stock": 5,
    }  # fmt: skip
    frame = pl.DataFrame(given).with_columns(pl.lit(None).alias(name) for name in ITEMS if name not in given)
    return frame.select(pl.col(name).cast(kind) for name, kind in ITEMS.items())


def served(bought: Bought, products: int) -> tuple[Decision, list[dict]]:
    """Go from purchases to the rows of a generation, as the pipelines do for a shop that has no champion."""
    interactions, items = lines(bought), catalogue(products)
    newest = NOW - timedelta(days=min(days for _, _, days in bought))
    decision = gate(interactions, items, DEFAULTS, None, newest - timedelta(days=28)).or_popularity()
    because = decision.popularity_because
    dataset = Dataset.build(interactions, items)
    fitted = fit_all(dataset, POPULARITY if because else DEFAULTS, POPULARITY_MODELS if because else None)
    content = content_of(dataset, fitted, RULES.candidate_sources(), pl.DataFrame(schema=ACTIVITY))
    about = About(created_at=NOW, data_cut=newest, rules_version=RULES.version, popularity_because=because)
    with TemporaryDirectory() as folder:
        write(Path(folder) / "bundle", content, about)
        bundle = Bundle.open(Path(folder) / "bundle", RULES.candidate_sources())
        return decision, list(compose_all(bundle, RULES, NOW))


purchases = st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 70))


@given(bought=st.lists(purchases, min_size=1, max_size=40), more=st.integers(0, 2))
@settings(max_examples=25)
def test_no_shop_is_too_small_to_be_served(bought: Bought, more: int) -> None:
    products = max(product for _, product, _ in bought) + more

    decision, rows = served(bought, products)

    assert decision.accepted
    assert {row["userId"] for row in rows} >= {None}


def test_a_shop_of_a_few_days_is_served_by_popularity_and_says_why() -> None:
    decision, rows = served([(1, 1, 1), (2, 1, 2), (2, 2, 1), (3, 1, 3)], 3)

    assert decision.reason is Reason.TOO_LITTLE_DATA
    assert decision.popularity_because is not None
    assert decision.popularity_because.startswith("there is nothing to compare: the history is too short")
    assert [(row["productId"], row["reason"]) for row in rows if row["userId"] == "u1"][:2] == [
        (1, "You bought this before"),
        (2, "Popular with other shoppers"),
    ]


def test_one_shopper_is_served_by_popularity_though_there_are_days_enough() -> None:
    decision, _ = served([(1, product, 3 * product) for product in range(1, 20)], 25)

    assert decision.popularity_because is not None
    assert "to fit any model but popularity" in decision.popularity_because
    assert "history" not in decision.popularity_because


def test_shoppers_who_have_bought_everything_are_shown_nothing_new() -> None:
    _, rows = served([(user, product, 10 * product + user) for user in (1, 2) for product in (1, 2)], 2)

    assert "RECOMMENDED" not in {row["displayType"] for row in rows if row["userId"]}


def test_lists_that_are_empty_though_there_is_something_new_are_refused() -> None:
    dataset = Dataset.build(lines([(1, 1, 1), (2, 1, 2)]), catalogue(2))
    fitted = fit_all(dataset, POPULARITY, POPULARITY_MODELS)
    fitted.models["discover"].is_available = dataset.item_ids == 1  # what both have, and not what is new to them
    content = content_of(dataset, fitted, ["discover"], pl.DataFrame(schema=ACTIVITY))

    with pytest.raises(EmptyBundleError, match="discover"):
        check(content)


def test_models_that_are_good_enough_are_not_replaced() -> None:
    judged = Decision(accepted=True, reason=Reason.NOT_WORSE, detail="")

    assert judged.or_popularity() is judged


def test_models_that_are_refused_give_way_to_popularity_with_the_reason() -> None:
    judged = Decision(accepted=False, reason=Reason.LOW_COVERAGE, detail="too few")

    assert judged.or_popularity().accepted
    assert judged.or_popularity().popularity_because == "the models were refused as low coverage: too few"
