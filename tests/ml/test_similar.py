from decimal import Decimal

import pytest
from msgspec.structs import replace

from ml.bundle import Bundle
from ml.catalogue import Catalogue
from ml.similar import similar
from tests.ml.tiny_bundle import BREAD, EMPTY, MILK, NOW, RICE, TEA, about, content

MOMENT = NOW.timestamp()


@pytest.fixture
def bundle():
    return Bundle(about(), content())


@pytest.fixture
def catalogue(bundle):
    return Catalogue(bundle)


def ids(picks):
    return [pick.product.product_id for pick in picks]


def test_neighbours_come_first_and_need_no_help(bundle, catalogue):
    picks, is_helped = similar(bundle, catalogue, catalogue.index[MILK], MOMENT, limit=5)

    assert (ids(picks), is_helped) == ([BREAD, RICE], False)


def test_the_category_helps_out(bundle, catalogue):
    picks, is_helped = similar(bundle, catalogue, catalogue.index[EMPTY], MOMENT, limit=5)

    assert (ids(picks), is_helped) == ([TEA], True)
    assert picks[0].reason == "Popular in TEA"


def test_what_cannot_be_shown_or_is_not_wanted_is_left_out(bundle, catalogue):
    catalogue.put(replace(catalogue.get(BREAD), stock=0))

    assert similar(bundle, catalogue, catalogue.index[MILK], MOMENT, limit=5, exclude=[RICE]) == ([], False)


def test_a_merchandisers_price_goes_before_the_catalogues_offer(bundle, catalogue):
    [tea], _ = similar(bundle, catalogue, catalogue.index[EMPTY], MOMENT, limit=5, prices={TEA: Decimal("1.00")})

    assert tea.offer == Decimal("1.00")


def test_a_product_younger_than_the_bundle_has_its_category(bundle, catalogue):
    catalogue.put(replace(catalogue.get(TEA), product_id=900))

    picks, _ = similar(bundle, catalogue, catalogue.index[900], MOMENT, limit=5)

    assert ids(picks) == [TEA]
