from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from msgspec.structs import replace as altered

from ml.bundle.bundle import Bundle
from ml.shelves.catalogue import Catalogue
from ml.shelves.composing import PageQuery
from ml.shelves.rules import Rules
from ml.shelves.similar import similar
from tests.ml.tiny_bundle import BREAD, EMPTY, MILK, NOW, RICE, TEA, about, content

REASONS = Rules.load().reasons
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
    picks, is_helped = similar(bundle, catalogue, REASONS, catalogue.index[MILK], PageQuery(limit=5), MOMENT)

    assert (ids(picks), is_helped) == ([BREAD, RICE], False)
    assert picks[0].reason == "Shoppers who buy Milk also buy this"


def test_of_neighbours_that_are_only_described_alike_nobody_is_said_to_buy_them(bundle):
    described = Bundle(bundle.manifest, replace(bundle.content, together=np.zeros(8, dtype=bool)))
    catalogue = Catalogue(described)

    picks, _ = similar(described, catalogue, REASONS, catalogue.index[MILK], PageQuery(limit=5), MOMENT)

    assert [pick.reason for pick in picks] == ["Similar to Milk"] * 2


def test_the_category_helps_out(bundle, catalogue):
    picks, is_helped = similar(bundle, catalogue, REASONS, catalogue.index[EMPTY], PageQuery(limit=5), MOMENT)

    assert (ids(picks), is_helped) == ([TEA], True)
    assert picks[0].reason == "Popular in TEA"


def test_what_cannot_be_shown_or_is_not_wanted_is_left_out(bundle, catalogue):
    catalogue.put(altered(catalogue.get(BREAD), stock=0))

    assert similar(bundle, catalogue, REASONS, catalogue.index[MILK], PageQuery(limit=5, exclude=[RICE]), MOMENT) == (
        [],
        False,
    )


def test_each_has_the_special_price_that_is_true_now(bundle, catalogue):
    [tea], _ = similar(bundle, catalogue, REASONS, catalogue.index[EMPTY], PageQuery(limit=5), MOMENT)

    assert tea.offer == Decimal("2.00")


def test_a_product_younger_than_the_bundle_has_its_category(bundle, catalogue):
    catalogue.put(altered(catalogue.get(TEA), product_id=900))

    picks, _ = similar(bundle, catalogue, REASONS, catalogue.index[900], PageQuery(limit=5), MOMENT)

    assert ids(picks) == [TEA]
