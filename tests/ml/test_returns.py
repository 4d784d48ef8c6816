"""What is sent back counts against a product: a little for everybody, and for whoever sent it back for good."""

from collections.abc import Callable
from datetime import datetime

import polars as pl
import pytest

from ml.dataset import Dataset
from ml.recommenders import Popularity
from ml.returns import AVERAGE_BASKETS

Build = Callable[..., Dataset]
KEPT = [(f"user{number}", product, 90) for number in range(3) for product in (1, 2)]
"""Products 1 and 2 are kept by the same three users, in one basket each."""


@pytest.fixture
def build(make_lines: Callable[..., pl.DataFrame], make_items: Callable[..., pl.DataFrame], cut: datetime) -> Build:
    """A shop of products 1 to 3, with lines of which nothing was kept."""
    return lambda *sent_back: Dataset.build(make_lines(KEPT), make_items(1, 2, 3), cut, make_lines(sent_back))


def test_a_product_that_its_buyers_return_sinks(build: Build) -> None:
    sent_back = [(f"buyer{number}", 1, 50) for number in range(6)]

    before, after = (Popularity().fit(build(*each)).recommend(["user0", "visitor"]) for each in ([], sent_back))

    assert before["product_id"].to_list() == [1, 2, 3] * 2
    assert after["product_id"].to_list() == [2, 1, 3] * 2


def test_a_return_counts_the_less_the_fewer_baskets_there_are(build: Build) -> None:
    returns = build(("buyer", 1, 50), ("buyer", 3, 50)).returns

    average = 2 / 8
    of_baskets = [(1, 4), (0, 3), (1, 1)]
    assert returns.kept_share == pytest.approx(
        [1 - (sent_back + AVERAGE_BASKETS * average) / (all_ + AVERAGE_BASKETS) for sent_back, all_ in of_baskets]
    )


@pytest.mark.parametrize(
    "sent_back",
    [[], [("user0", 1, 101)], [("user0", 77, 50)], [("user0", 1, 90)]],
    ids=["nothing", "after the cut", "no product of ours", "one line of a basket of which another was kept"],
)
def test_where_nothing_was_sent_back_scores_are_as_they_were(build: Build, sent_back: list) -> None:
    returns = build(*sent_back).returns

    assert (returns.kept_share.tolist(), returns.unwanted.nnz) == ([1, 1, 1], 0)


def test_what_was_sent_back_of_the_newest_order_is_known(
    make_lines: Callable[..., pl.DataFrame], make_items: Callable[..., pl.DataFrame]
) -> None:
    newest = make_lines([("user0", 3, 95)])

    made = Dataset.build(make_lines(KEPT), make_items(1, 2, 3), returned=newest)

    assert (made.cut > newest["ordered_at"][0], made.returns.unwanted.nnz) == (True, 1)


def test_what_a_user_sent_back_is_not_shown_to_that_user_again(build: Build) -> None:
    lists = Popularity().fit(build(("user0", 3, 50))).recommend(["user0", "user1"])

    assert lists.filter(user_id="user0")["product_id"].to_list() == [1, 2]
    assert 3 in lists.filter(user_id="user1")["product_id"]


def test_who_kept_another_piece_may_see_it_again(build: Build) -> None:
    made = build(("user0", 1, 50))

    assert made.returns.unwanted.nnz == 0
    assert made.returns.kept_share[0] < made.returns.kept_share[1]
