"""Shelves as they are served, on shops small enough to check by hand."""

from collections.abc import Callable
from datetime import datetime, timedelta

import polars as pl
import pytest

from ml.evaluation.shelves import SHARES, as_document, as_of, falls_behind, measure_shelves
from ml.evaluation.split import Task, next_baskets, window
from ml.recommenders import BlendConfig
from ml.shelves.composing import Rules
from ml.training.assembly import Lists, lists_of
from ml.training.configuration import TrainingConfig, fit_all

RULES = Rules.load()
# What they buy again is what they bought most, what is new is what most bought.
CONFIG = TrainingConfig(
    repurchase=BlendConfig(weights={"personal": 1}), discover=BlendConfig(weights={"popularity": 1}, new_only=True)
)
BEFORE = [("ann", 1, day) for day in (60, 70, 80, 90)] + [("ann", 2, 95), ("bob", 3, 98)]
"""Ann buys milk (1) every ten days, bread (2) lately; bob bought tea (3) two days before the cut, day 100."""
INSIDE = [("ann", 1, 103), ("ann", 3, 110), ("bob", 3, 120), ("bob", 1, 120), ("new", 2, 101)]
DAYS = CONFIG.popularity.days
Shop = tuple[Task, pl.DataFrame, dict[str, Lists], float]


@pytest.fixture
def shop(make_lines: Callable, make_items: Callable, cut: datetime) -> Callable[..., Shop]:
    """Makes the task, the next baskets, the models' lists and the days of popularity of a shop."""

    def made(before: list = BEFORE, inside: list = INSIDE) -> Shop:
        later = make_lines(inside).with_columns(pl.col("order_id") + 1_000_000)
        interactions = pl.concat([make_lines(before), later])
        task = window(interactions, make_items(*range(1, 7)), cut)["all"]
        fitted = fit_all(task.history, CONFIG, ["repurchase", "discover", "popularity"])
        return task, next_baskets(interactions, cut), lists_of(fitted, RULES.candidate_sources()), DAYS

    return made


def bought(shares: pl.DataFrame, shelf: str, kind: str, places: int = 6) -> tuple[float, float]:
    """How many of the first places were bought by shoppers, in the next basket and in the window."""
    [row] = shares.filter(shelf=shelf, kind=kind, places=places).rows(named=True)
    return round(row["next_basket"] * places * row["users"]), round(row["window"] * places * row["users"])


def test_the_places_that_were_bought_are_counted_by_shelf(shop: Callable[..., Shop]) -> None:
    shares = measure_shelves(*shop(), RULES)

    assert shares["users"].unique().to_list() == [2]  # the new shopper is not known at the cut
    assert bought(shares, "REPURCHASE", "shown") == (2, 2)  # ann's milk, bob's tea
    assert bought(shares, "RECOMMENDED", "shown") == (1, 2)  # bob's milk; ann's tea, which is not in her next basket
    assert bought(shares, "REPURCHASE", "popularity") == (3, 4)


def test_a_shelf_stands_beside_its_list_less_what_stood_before_it(shop: Callable[..., Shop]) -> None:
    shares = measure_shelves(*shop(), RULES)

    assert bought(shares, "REPURCHASE", "list") == (3, 4)  # the model's list holds everything, the new at its end
    assert bought(shares, "RECOMMENDED", "list") == (1, 2)
    assert bought(shares, "RECOMMENDED_CATEGORY", "list") == (0, 0)


def test_a_list_takes_its_places_in_the_turns_of_the_page(shop: Callable[..., Shop]) -> None:
    def lists(at_first: int) -> tuple[tuple[float, float], ...]:
        turns = RULES.model_copy(update={"at_first": at_first})
        shares = measure_shelves(*shop(inside=[("ann", 1, 103), ("ann", 2, 103)]), turns)  # milk and bread
        return tuple(bought(shares, shelf, "list", places=12) for shelf in ("REPURCHASE", "RECOMMENDED_CATEGORY"))

    assert lists(at_first=12) == ((2, 2), (0, 0))
    assert lists(at_first=1) == ((1, 1), (1, 1))  # the bread stands among the categories before the second turn


def test_nothing_of_the_window_is_known_at_the_cut(shop: Callable[..., Shop]) -> None:
    task, _, lists, _ = shop()
    other, _, _, _ = shop(inside=[("ann", 5, 101), ("bob", 6, 102)])

    ours, theirs = (as_of(each.history, lists, DAYS, RULES).content for each in (task, other))

    assert ours.history.last_bought.max() < task.history.cut.timestamp()
    assert ours.activity.equals(theirs.activity)
    assert ours.candidates["repurchase"].items.tolist() == theirs.candidates["repurchase"].items.tolist()
    assert (ours.items["special_price"].null_count(), ours.items["stock"].unique().to_list()) == (6, [1])


def test_what_was_bought_in_the_last_days_is_known_from_history_and_activity_and_stands_on_the_shelf(
    shop: Callable[..., Shop], cut: datetime
) -> None:
    task, _, lists, _ = shop()

    activity = as_of(task.history, lists, DAYS, RULES).content.activity.sort("user_id", "product_id", "occurred_at")

    ages = [(cut - at) // timedelta(days=1) for at in activity["occurred_at"]]
    assert list(zip(activity["user_id"], activity["product_id"], ages, strict=True)) == [
        ("ann", 1, 30),
        ("ann", 1, 20),
        ("ann", 1, 10),
        ("ann", 2, 5),
        ("bob", 3, 2),
    ]
    assert bought(measure_shelves(*shop(inside=[("bob", 3, 101)]), RULES), "REPURCHASE", "shown") == (1, 1)


def test_a_shelf_that_throws_away_what_its_list_knows_falls_behind(shop: Callable[..., Shop]) -> None:
    rests = RULES.repurchase.model_copy(update={"rest_days": 30})  # the fault that once was there

    shares = measure_shelves(*shop(), RULES.model_copy(update={"repurchase": rests}))

    assert "REPURCHASE" in falls_behind(shares)


def test_shelves_of_offers_are_left_out(shop: Callable[..., Shop]) -> None:
    document = as_document(measure_shelves(*shop(), RULES))

    assert "SALE" not in document  # offers of that day are not recorded
    assert document["REPURCHASE"]["first_6"]["shown"] == {
        "next_basket": pytest.approx(2 / 12),
        "window": pytest.approx(2 / 12),
    }


def test_without_anybody_to_ask_there_are_no_shares(shop: Callable[..., Shop]) -> None:
    shares = measure_shelves(*shop(inside=[("new", 2, 101)]), RULES)

    assert shares.is_empty()
    assert dict(shares.schema) == SHARES
    assert falls_behind(shares) == []
