"""Catalog and its database are killed while products change and shoppers search: the index equals the catalogue."""

import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import pytest

from services.catalog.search.postgres import FACETS_SECONDS
from tests.faults.landing_run import kill_with_children
from tests.faults.searched_shop import START_SECONDS, Shoppers, searched_shop
from tests.waiting import wait_until

pytestmark = pytest.mark.faults
FOLLOWED_WITHIN = 2
"""Seconds from the last change until search has it, where nothing is away: mostly; when the machine has been busy for
a while, and the upload took longer, too, three times the upload's."""


@pytest.fixture
def shop(broker, tokens, tmp_path, rounds):
    with searched_shop(broker, tokens, tmp_path, count=rounds(100_000, 2_000)) as shop:
        yield shop


def test_the_index_equals_the_catalogue_though_it_and_catalog_are_killed_while_it_changes(shop, rounds, moments):
    kills = rounds(20, 2)
    part = shop.count // kills // 2
    took = []
    with Shoppers(shop) as shoppers:
        for kill in range(kills):
            first = 1 + 2 * part * kill
            with shoppers.while_away(), ThreadPoolExecutor(1) as sending:
                sent = sending.submit(_change, shop, range(first, first + part), turn=kill)
                time.sleep(moments.uniform(0, 1))  # the moment of its death is what is tried
                victim = [shop.process, shop.server][kill % 2]
                kill_with_children(victim)
                victim.start(START_SECONDS)
                sent.result()
                shop.seconds_until_followed()
            sent_in = shop.send(range(first + part, first + 2 * part), version=1)
            took.append((sent_in, shop.seconds_until_followed()))

    print(f"{shoppers.answered} searches; sent and followed in {took}")  # noqa: T201 - pytest keeps it for a failure
    assert shoppers.faults == []
    assert shoppers.answered > 0
    names = "SELECT sku, name FROM products WHERE parent_id IS NULL ORDER BY id"
    assert shop.ask(names) == [
        (line["sku"], line["name"]) for line in (shop.line(number, 1) for number in range(1, shop.count + 1))
    ]
    assert shop.differences() == []
    wait_until(shop.miscounted, lambda words: words == [], seconds=FACETS_SECONDS + 30)  # as old may they be
    assert median(followed_in for _, followed_in in took) <= FOLLOWED_WITHIN
    assert [each for each in took if each[1] > max(FOLLOWED_WITHIN, 3 * each[0])] == []


def _change(shop, numbers, turn):
    shop.send(numbers, version=1)
    shop.rearrange(numbers, turn)
