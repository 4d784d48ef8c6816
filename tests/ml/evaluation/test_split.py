from collections.abc import Callable
from datetime import datetime

import polars as pl
import pytest

from ml.evaluation.split import Task, next_basket, window


@pytest.fixture
def tasks(interactions: pl.DataFrame, items: pl.DataFrame, make_lines: Callable, cut: datetime) -> dict[str, Task]:
    """The window begins on day 100: ann repeats 1, discovers 8 (cold) and 4; bob comes once; new is a cold user."""
    inside = make_lines([("ann", 1, 100), ("ann", 8, 110), ("ann", 4, 110), ("bob", 1, 127), ("new", 1, 105)])
    late = make_lines([("cid", 1, 128)])
    shifted = inside.with_columns(pl.col("order_id") + 1_000_000)
    return window(pl.concat([interactions, shifted, late]), items, cut)


def pairs(task: Task) -> list[tuple[str, int]]:
    return task.relevant.rows()


def test_next_basket_predicts_the_last_of_who_has_three(interactions: pl.DataFrame, items: pl.DataFrame) -> None:
    task = next_basket(interactions, items)

    assert pairs(task) == [("ann", 1), ("bob", 4), ("bob", 5), ("cid", 5), ("dot", 5), ("eve", 1)]
    assert task.history.counts.toarray()[0].tolist() == [2, 1, 1, 0, 0, 0, 1, 0, 0]


def test_tuning_predicts_the_last_but_one_and_never_sees_the_last(make_lines: Callable, make_items: Callable) -> None:
    bought = make_lines([("ann", product, product) for product in (1, 2, 3, 4)] + [("bob", p, p) for p in (1, 2, 3)])

    task = next_basket(bought, make_items(1, 2, 3, 4), nth_last=2)

    assert pairs(task) == [("ann", 3)]
    assert task.history.counts.toarray().tolist() == [[1, 1, 0, 0], [1, 1, 0, 0]]


def test_baskets_of_the_same_time_are_ordered_by_id(make_lines: Callable, make_items: Callable) -> None:
    bought = make_lines([("ann", 1, 1), ("ann", 2, 2), ("ann", 3, 2)]).with_columns(order_id=pl.Series([5, 9, 7]))

    assert pairs(next_basket(bought, make_items(1, 2, 3))) == [("ann", 2)]


def test_all_asks_for_what_known_users_buy_within_the_window(tasks: dict[str, Task]) -> None:
    assert pairs(tasks["all"]) == [("ann", 1), ("ann", 4), ("ann", 8), ("bob", 1)]
    assert not tasks["all"].exclude_seen


def test_discover_leaves_out_what_was_bought_before(tasks: dict[str, Task]) -> None:
    assert pairs(tasks["discover"]) == [("ann", 4), ("ann", 8)]
    assert tasks["discover"].exclude_seen


def test_first_basket_is_the_first_in_the_window(tasks: dict[str, Task]) -> None:
    assert pairs(tasks["first_basket"]) == [("ann", 1), ("bob", 1)]


def test_cold_users_and_cold_items_are_tasks_of_their_own(tasks: dict[str, Task]) -> None:
    assert pairs(tasks["all/cold_users"]) == [("new", 1)]
    assert pairs(tasks["discover/cold_items"]) == [("ann", 8)]
    assert tasks["discover/cold_items"].candidates.tolist() == [8]


def test_every_product_is_ranked_whether_it_is_on_sale_today_or_not(tasks: dict[str, Task]) -> None:
    history = tasks["all"].history

    assert history.is_available[history.item_ids == 7].all()


def test_what_is_no_product_is_not_ranked(tasks: dict[str, Task]) -> None:
    history = tasks["all"].history

    assert history.item_ids[~history.is_available].tolist() == [9]


def test_what_is_no_product_is_no_cold_item(items: pl.DataFrame, make_lines: Callable, cut: datetime) -> None:
    bought = make_lines([("ann", product, 1) for product in range(1, 8)])

    assert window(bought, items, cut)["discover/cold_items"].candidates.tolist() == [8]


def test_todays_prices_say_nothing_about_the_window(tasks: dict[str, Task]) -> None:
    assert tasks["all"].history.items["price"].null_count() == 9


def test_a_window_without_purchases_asks_nobody(interactions: pl.DataFrame, items: pl.DataFrame) -> None:
    in_2030 = datetime.fromisoformat("2030-01-01T00:00:00Z")

    assert all(task.relevant.is_empty() for task in window(interactions, items, in_2030).values())
