from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from ml.bundle.bundle import Bundle
from ml.shelves.catalogue import Catalogue
from ml.shelves.composing import Rules, Shopper
from ml.shelves.session import LiveState
from ml.shelves.sources import Visit
from ml.shelves.taste import by_taste
from tests.ml.tiny_bundle import BREAD, BUYER, JAM, MILK, NEWCOMER, NOW, SOAP, TEA, about, act, content

RULES = Rules.load()
TO_COME = 999


@pytest.fixture
def ranked():
    """To rank products for a shopper who did these things lately: `ranked(BUYER, [TEA, MILK], ("VIEW", TEA))`."""

    def rank(user_id, product_ids, *actions, **parts):
        bundle, state = Bundle(about(), replace(content(), **parts)), LiveState()
        for kind, product_id in actions:
            act(state, kind, product_id, (NOW - timedelta(hours=1)).timestamp())
        return by_taste(Visit(bundle, Catalogue(bundle), RULES, Shopper(user_id, state), NOW), product_ids)

    return rank


def test_what_was_bought_most_often_comes_first_and_the_rest_keeps_its_order(ranked):
    assert ranked(BUYER, [TEA, BREAD, SOAP, MILK]) == [MILK, BREAD, TEA, SOAP]


def test_what_was_just_looked_at_comes_before_what_was_not(ranked):
    assert ranked(NEWCOMER, [SOAP, TEA, JAM], ("VIEW", JAM)) == [JAM, SOAP, TEA]


def test_what_is_like_something_bought_comes_before_what_is_not(ranked):
    factors = np.eye(8, dtype=np.float32)
    factors[JAM - MILK] = factors[0]  # as near to milk as milk
    assert ranked(BUYER, [TEA, BREAD, JAM], factors=factors) == [JAM, BREAD, TEA]


def test_a_product_that_no_bundle_knows_stays_behind_what_is_liked(ranked):
    assert ranked(BUYER, [TO_COME, TEA, BREAD]) == [BREAD, TO_COME, TEA]


@pytest.mark.parametrize("factors", [np.eye(8, dtype=np.float32), np.zeros((8, 0), dtype=np.float32)])
def test_nothing_is_said_of_who_did_nothing(ranked, factors):
    assert ranked(NEWCOMER, [TEA, MILK], factors=factors) is None


def test_nothing_is_said_by_a_bundle_that_learnt_no_likeness(ranked):
    assert ranked(BUYER, [TEA, MILK], factors=np.zeros((8, 0), dtype=np.float32)) is None
