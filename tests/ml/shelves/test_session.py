from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.bundle.bundle import Bundle
from ml.shelves.purchases import Purchases
from ml.shelves.session import MAX_REMEMBERED, LiveState, activity_of, fold
from tests.ml.tiny_bundle import BUYER, CUT_AGE, DAY, JAM, MILK, MILK_ORDER, NOW, SOAP, TEA, VISITOR, about, content

CUT = (NOW - CUT_AGE).timestamp()
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
    state.order(1, 20, {TEA: 1})
    state.apply("VIEW", TEA, 10)

    assert state.touched() == []


def test_cancelling_an_order_forgets_no_other():
    state = LiveState()
    state.order(1, 10, {TEA: 1})
    state.order(2, 20, {TEA: 1, JAM: 1})

    state.cancel(2, 30)

    assert state.bought == {TEA}
    assert state.purchases[TEA].kept == [10]


def test_what_was_ordered_and_cancelled_does_not_wait_in_the_cart():
    state = LiveState()
    state.apply("VIEW", TEA, 5)
    state.apply("CART", TEA, 6)
    state.order(1, 10, {TEA: 1})
    assert state.touched() == []

    state.cancel(1, 20)

    assert state.touched() == [(TEA, 5, "viewed")]


def test_of_what_came_back_in_part_the_rest_was_bought():
    state = LiveState()
    state.order(1, 10, {TEA: 3})

    for _ in range(2):
        state.take_back(1, 7, 20, {TEA: 2})
    assert state.bought == {TEA}

    state.take_back(1, 8, 30, {TEA: 1})
    assert state.bought == set()


@given(st.permutations(["order 1", "order 2", "cancel 2", "return of 1", "view", "order 2", "cancel 2"]))
def test_in_whatever_sequence_it_becomes_known_it_comes_to_the_same(sequence):
    state = LiveState()
    tell = {
        "order 1": lambda: state.order(1, 10, {TEA: 2, JAM: 1}),
        "order 2": lambda: state.order(2, 20, {SOAP: 1, JAM: 1}),
        "cancel 2": lambda: state.cancel(2, 30),
        "return of 1": lambda: state.take_back(1, 7, 40, {TEA: 2}),
        "view": lambda: state.apply("VIEW", SOAP, 15),
    }

    for each in sequence:
        tell[each]()

    assert state.bought == {JAM}
    assert state.touched() == [(SOAP, 15, "viewed")]


def test_a_newer_bundle_has_what_was_before_it_and_keeps_what_followed():
    lately, newer = LiveState(), LiveState()
    lately.apply("VIEW", SOAP, 10)
    lately.apply("VIEW", TEA, 110)
    lately.order(1, 50, {JAM: 1})
    lately.order(2, 60, {TEA: 1})
    lately.cancel(2, 70)
    lately.order(3, 120, {JAM: 1})
    newer.order(1, 50, {JAM: 1}, is_past=True)

    state = lately.since(100, newer)

    assert list(state.viewed) == [TEA]
    assert sorted(state.orders) == [1, 3]
    assert state.purchases[JAM].added == 1


def test_an_order_that_the_bundle_and_the_topics_both_hold_counts_once_after_a_restart(bundle):
    lately, known = LiveState(), activity_of(bundle)[BUYER]
    [(bought_at, line)] = [(order.at, order.lines) for order in known.orders.values()]
    lately.order(MILK_ORDER, bought_at, line)

    state = lately.since(bought_at - 600, known)

    assert state.purchases == known.purchases


def test_a_cancellation_after_a_newer_bundles_cut_takes_back_what_its_history_holds():
    lately, newer = LiveState(), LiveState()
    newer.order(1, 50, {JAM: 1}, is_past=True)
    lately.cancel(1, 110)

    assert lately.since(100, newer).purchases[JAM].undone == [50]


def test_a_copy_is_altered_alone():
    state = LiveState()
    state.order(1, 1, {JAM: 1})
    state.copy().apply("VIEW", TEA, 1)
    state.copy().cancel(1, 2)

    assert state.touched() == []
    assert state.bought == {JAM}


def test_the_bundle_knows_what_shoppers_and_visitors_did_up_to_its_cut(bundle):
    states = activity_of(bundle)

    assert list(states[BUYER].viewed) == [JAM]
    assert list(states[VISITOR].carted) == [SOAP]
    assert states[BUYER].purchases[MILK] == Purchases(kept=[CUT - 8 * DAY], ordered_at=CUT - 8 * DAY)


def test_a_till_with_more_orders_than_are_remembered_is_known_by_its_latest(bundle):
    activity = pl.DataFrame(
        [("till", JAM, "BUY", NOW - timedelta(hours=number), number, 1) for number in range(MAX_REMEMBERED + 5)],
        schema=bundle.content.activity.schema,
        orient="row",
    )

    states = activity_of(Bundle(about(), replace(content(), activity=activity)))

    assert sorted(states["till"].orders) == list(range(MAX_REMEMBERED))
    assert states["till"].purchases[JAM].added == 0


def test_without_recent_items_the_learnt_ranking_stays(bundle, learnt):
    folded = fold(bundle, *learnt, recent=[], weight=1)

    assert folded.items == learnt[0].tolist()
    assert folded.scores[0] == 1


def test_without_a_learnt_ranking_the_neighbours_of_recent_items_are_it(bundle):
    folded = fold(bundle, *NOTHING, recent=[(MILK_ITEM, 1.0)], weight=1)

    assert folded.items == [BREAD_ITEM, RICE_ITEM]
    assert folded.because == {BREAD_ITEM: MILK_ITEM, RICE_ITEM: MILK_ITEM}


def test_what_is_recent_is_not_recommended_itself(bundle, learnt):
    assert JAM_ITEM not in fold(bundle, *learnt, recent=[(JAM_ITEM, 1.0)], weight=1).items


def test_a_greater_weight_lifts_the_neighbours_of_recent_items(bundle, learnt):
    light = fold(bundle, *learnt, recent=[(MILK_ITEM, 1.0)], weight=0.1).items
    heavy = fold(bundle, *learnt, recent=[(MILK_ITEM, 1.0)], weight=5).items

    assert light.index(RICE_ITEM) > heavy.index(RICE_ITEM)


def test_the_later_item_counts_for_more(bundle):
    folded = fold(bundle, *NOTHING, recent=[(RICE_ITEM, 1.0), (JAM_ITEM, 1.0)], weight=1)

    assert folded.items[0] == MILK_ITEM


def test_an_older_item_counts_for_less(bundle, learnt):
    today = fold(bundle, *learnt, recent=[(MILK_ITEM, 1.0)], weight=5)
    long_ago = fold(bundle, *learnt, recent=[(MILK_ITEM, 0.01)], weight=5)

    assert today.items[0] == BREAD_ITEM
    assert long_ago.items[:2] == learnt[0][:2].tolist()


def test_an_item_younger_than_the_bundle_moves_nothing(bundle, learnt):
    assert fold(bundle, *learnt, recent=[(99, 1.0)], weight=1).items == learnt[0].tolist()
