import numpy as np
import pytest

from ml.bundle import Bundle
from ml.session import MAX_REMEMBERED, LiveState, activity_of, fold
from tests.ml.tiny_bundle import BUYER, JAM, SOAP, TEA, VISITOR, about, content

NOTHING = (np.array([], dtype=np.int32), np.array([], dtype=np.float32))
MILK_ITEM, BREAD_ITEM, JAM_ITEM, RICE_ITEM = 0, 1, 3, 5


@pytest.fixture
def bundle():
    return Bundle(about(), content())


@pytest.fixture
def learnt(bundle):
    return bundle.candidates("discover", BUYER)


def test_an_action_applied_twice_or_late_changes_nothing():
    state = LiveState()
    state.apply("VIEW", TEA, 20)
    before = state.touched()

    state.apply("VIEW", TEA, 20)
    state.apply("VIEW", TEA, 10)

    assert state.touched() == before


def test_of_each_kind_the_latest_are_remembered():
    state = LiveState()
    for number in range(MAX_REMEMBERED + 5):
        state.apply("VIEW", number, at=number)

    assert sorted(state.viewed) == list(range(5, MAX_REMEMBERED + 5))


def test_a_purchase_that_arrives_before_the_view_it_followed_still_wins():
    state = LiveState()
    state.apply("BUY", TEA, 20)
    state.apply("VIEW", TEA, 10)

    assert state.touched() == []


def test_a_copy_is_altered_alone():
    state = LiveState()
    state.copy().apply("VIEW", TEA, 1)

    assert state.touched() == []


def test_the_bundle_knows_what_shoppers_and_visitors_did_up_to_its_cut(bundle):
    states = activity_of(bundle)

    assert list(states[BUYER].viewed) == [JAM]
    assert list(states[VISITOR].carted) == [SOAP]


def test_without_recent_items_the_learnt_ranking_stays(bundle, learnt):
    folded = fold(bundle, *learnt, recent=[], weight=1)

    assert folded.items == learnt[0].tolist()
    assert folded.scores[0] == 1


def test_without_a_learnt_ranking_the_neighbours_of_recent_items_are_it(bundle):
    folded = fold(bundle, *NOTHING, recent=[MILK_ITEM], weight=1)

    assert folded.items == [BREAD_ITEM, RICE_ITEM]
    assert folded.because == {BREAD_ITEM: MILK_ITEM, RICE_ITEM: MILK_ITEM}


def test_what_is_recent_is_not_recommended_itself(bundle, learnt):
    assert JAM_ITEM not in fold(bundle, *learnt, recent=[JAM_ITEM], weight=1).items


def test_a_greater_weight_lifts_the_neighbours_of_recent_items(bundle, learnt):
    light = fold(bundle, *learnt, recent=[MILK_ITEM], weight=0.1).items
    heavy = fold(bundle, *learnt, recent=[MILK_ITEM], weight=5).items

    assert light.index(RICE_ITEM) > heavy.index(RICE_ITEM)


def test_the_later_item_counts_for_more(bundle):
    folded = fold(bundle, *NOTHING, recent=[RICE_ITEM, JAM_ITEM], weight=1)

    assert folded.items[0] == MILK_ITEM


def test_an_item_younger_than_the_bundle_moves_nothing(bundle, learnt):
    assert fold(bundle, *learnt, recent=[99], weight=1).items == learnt[0].tolist()
