from datetime import UTC, datetime, timedelta, timezone
from itertools import groupby

import pytest

from ml.bundle.bundle import Bundle, write
from ml.shelves.generation import compose_all
from ml.shelves.rules import Rules
from tests.ml.tiny_bundle import BUYER, NEWCOMER, NOW, about, content


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    directory = tmp_path_factory.mktemp("bundles") / "b1"
    write(directory, content(), about())
    return list(compose_all(Bundle.open(directory), Rules.load(), NOW))


def test_a_generation_holds_every_users_page_and_everyones(rows):
    assert {row["userId"] for row in rows} == {BUYER, NEWCOMER, None}


def test_ranks_count_from_one_on_each_shelf(rows):
    for _, shelf in groupby(rows, key=lambda row: (row["userId"], row["displayType"])):
        ranks = [row["rank"] for row in shelf]
        assert ranks == list(range(1, len(ranks) + 1))


def test_a_row_names_its_product_in_the_contracts_words(rows):
    row = next(row for row in rows if row["userId"] == BUYER and row["displayType"] == "REPURCHASE")

    assert row == {
        "displayType": "REPURCHASE",
        "userId": BUYER,
        "rank": 1,
        "productId": 101,
        "productName": "Milk",
        "productPrice": "1.50",
        "specialPrice": None,
        "currency": "USD",
        "rating": 0.0,
        "image": None,
        "categoryId": 11,
        "categoryName": "MILK",
        "startDate": None,
        "endDate": None,
        "score": pytest.approx(0.9),
        "reason": "You buy this about every 7 days, last 8 days ago",
    }


def test_an_offer_carries_the_time_in_which_it_is_true(rows):
    offers = [row for row in rows if row["specialPrice"] is not None]

    assert offers
    for row in offers:
        assert datetime.fromisoformat(row["startDate"]) <= NOW < datetime.fromisoformat(row["endDate"])


def test_a_deal_of_the_day_ends_with_the_shops_day(tmp_path):
    write(tmp_path / "b1", content(), about())
    rules, bundle = Rules.load(), Bundle.open(tmp_path / "b1")
    morning_in_the_shop = NOW.astimezone(timezone(timedelta(hours=-5)))

    rows = list(compose_all(bundle, rules.model_copy(update={"daily_deal_days": 1, "limit": 2}), morning_in_the_shop))

    ends = {row["endDate"] for row in rows if row["displayType"] == "DAILY_DEAL"}
    assert ends == {datetime(2026, 11, 26, 5, tzinfo=UTC).isoformat()}
