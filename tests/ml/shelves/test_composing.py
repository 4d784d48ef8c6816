from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from msgspec.structs import replace as altered

from ml.bundle.bundle import Bundle, write
from ml.shelves.catalogue import Catalogue
from ml.shelves.composing import PageQuery, Shelf, Shopper, compose
from ml.shelves.rules import DisplayType, Rules
from ml.shelves.session import LiveState, activity_of
from tests.ml.tiny_bundle import (
    BREAD,
    BUYER,
    EMPTY,
    GONE,
    JAM,
    MILK,
    MILK_ORDER,
    NOW,
    RICE,
    SOAP,
    TEA,
    VISITOR,
    about,
    act,
    content,
)

T = DisplayType
MOMENT = NOW.timestamp()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    directory = tmp_path_factory.mktemp("bundles") / "b1"
    write(directory, content(), about())
    return Bundle.open(directory)


@pytest.fixture
def catalogue(bundle):
    return Catalogue(bundle)


@pytest.fixture(scope="module")
def rules():
    return Rules.load()


@pytest.fixture
def page(bundle, catalogue, rules):
    """Composes a page: user, what they did lately as (kind, product, hours ago), and what is asked."""

    def composed(user_id, *actions, now=NOW, **ask) -> dict[DisplayType, Shelf]:
        state = activity_of(bundle).get(user_id, LiveState())
        for kind, product_id, hours in actions:
            act(state, kind, product_id, MOMENT - hours * 3600)
        shelves = compose(bundle, catalogue, rules, Shopper(user_id, state), now, PageQuery(**ask))
        return {shelf.display_type: shelf for shelf in shelves}

    return composed


def ids(shelf: Shelf) -> list[int]:
    return [pick.product.product_id for pick in shelf.picks]


def test_shelves_stand_in_the_order_of_the_page(page, rules):
    assert list(page(BUYER)) == list(rules.page)


def test_continue_shopping_holds_what_was_viewed_or_put_in_the_cart_latest_first(page):
    shelf = page(BUYER, ("VIEW", RICE, 1), ("CART", TEA, 2))[T.CONTINUE_SHOPPING]

    assert ids(shelf) == [RICE, TEA, JAM]
    assert [pick.reason for pick in shelf.picks] == [
        "You looked at this lately",
        "Waiting in your cart",
        "You looked at this lately",
    ]


def test_what_was_bought_after_the_view_leaves_continue_shopping(page):
    shelf = page(BUYER, ("VIEW", RICE, 2), ("BUY", RICE, 1))[T.CONTINUE_SHOPPING]

    assert RICE not in ids(shelf)


def test_what_was_viewed_after_the_purchase_stands_in_continue_shopping(page):
    assert MILK in ids(page(BUYER, ("VIEW", MILK, 1))[T.CONTINUE_SHOPPING])


def test_what_was_taken_out_of_the_cart_leaves_continue_shopping(page):
    assert ids(page(VISITOR)[T.CONTINUE_SHOPPING]) == [SOAP]
    assert ids(page(VISITOR, ("UNCART", SOAP, 1))[T.CONTINUE_SHOPPING]) == []


def test_repurchase_holds_what_was_bought_before_in_the_models_order(page):
    shelf = page(BUYER)[T.REPURCHASE]

    assert ids(shelf) == [MILK, BREAD]
    assert [pick.score for pick in shelf.picks] == [pytest.approx(0.9), pytest.approx(0.5)]
    assert [pick.reason for pick in shelf.picks] == [
        "You buy this about every 7 days, last 8 days ago",
        "You bought this before",
    ]


def test_what_was_just_bought_rests_for_a_day(page):
    assert ids(page(BUYER, ("BUY", MILK, 23))[T.REPURCHASE]) == [BREAD]
    assert ids(page(BUYER, ("BUY", MILK, 25))[T.REPURCHASE]) == [MILK, BREAD]


def test_a_second_purchase_counts_for_what_is_said(page):
    shelf = page(BUYER, ("BUY", BREAD, 48), ("BUY", MILK, 72))[T.REPURCHASE]

    assert [pick.reason for pick in shelf.picks] == [
        "You buy this about every 7 days, last 3 days ago",
        "You bought this 2 times",
    ]


def test_what_has_been_silent_for_ten_intervals_comes_last_and_is_no_habit_any_more(page):
    shelf = page(BUYER, now=NOW + timedelta(days=63))[T.REPURCHASE]

    assert ids(shelf) == [BREAD, MILK]
    assert shelf.picks[1].reason == "You bought this 5 times"


def test_what_stands_on_repurchase_does_not_change_with_the_clock(page):
    def shown(minutes):
        shelf = page(BUYER, now=NOW + timedelta(minutes=minutes))[T.REPURCHASE]
        return [(pick.product, pick.score, pick.reason) for pick in shelf.picks]

    assert shown(0) == shown(1) == shown(11 * 60)


def test_an_order_that_was_cancelled_after_the_cut_was_not_bought(bundle, catalogue, rules):
    state = activity_of(bundle)[BUYER].copy()
    state.cancel(MILK_ORDER, MOMENT)

    shelf = compose(bundle, catalogue, rules, Shopper(BUYER, state), NOW, PageQuery([T.REPURCHASE]))[0]

    assert [pick.reason for pick in shelf.picks] == [
        "You bought this 4 times",
        "You bought this before",
    ]


def test_when_it_was_last_bought_is_not_said_where_nobody_knows(bundle, catalogue, rules):
    state = activity_of(bundle)[BUYER].copy()
    three_days_later = datetime.fromtimestamp(state.orders[MILK_ORDER].at, UTC) + timedelta(days=3)
    state.cancel(MILK_ORDER, MOMENT)

    shelf = compose(bundle, catalogue, rules, Shopper(BUYER, state), three_days_later, PageQuery([T.REPURCHASE]))[0]

    assert "You bought this 4 times" in [pick.reason for pick in shelf.picks]


def test_what_came_back_after_the_cut_was_not_bought(bundle, catalogue, rules):
    state = activity_of(bundle)[BUYER].copy()
    state.take_back(1, 1, MOMENT, {BREAD: 1})  # an order from before all that the bundle knows one by one

    repurchase, recommended = compose(
        bundle, catalogue, rules, Shopper(BUYER, state), NOW, PageQuery([T.REPURCHASE, T.RECOMMENDED])
    )

    assert ids(repurchase) == [MILK]
    assert BREAD in ids(recommended)


def test_recommended_is_new_to_the_user(page):
    recommended = set(ids(page(BUYER, display_types=[T.RECOMMENDED])[T.RECOMMENDED]))

    assert recommended == {JAM, TEA, RICE, SOAP}


def test_what_was_just_bought_leaves_recommended(page):
    shelf = page(BUYER, ("BUY", TEA, 1), display_types=[T.RECOMMENDED])[T.RECOMMENDED]

    assert TEA not in ids(shelf)


def test_a_recommendation_names_the_own_product_that_speaks_for_it_most(page):
    shelf = page(BUYER, ("UNCART", JAM, 0), display_types=[T.RECOMMENDED])[T.RECOMMENDED]

    reasons = {pick.product.product_id: pick.reason for pick in shelf.picks}
    assert reasons[RICE] == "Shoppers who bought Milk, as you did, also buy this"


def test_a_view_alters_the_next_recommendation(page):
    shelf = page("8", ("VIEW", MILK, 1), display_types=[T.RECOMMENDED])[T.RECOMMENDED]

    assert ids(shelf)[0] == BREAD
    assert ids(shelf).index(RICE) < ids(shelf).index(JAM)
    assert "Often bought with Milk, which you looked at today" in [pick.reason for pick in shelf.picks]


@pytest.mark.parametrize(
    ("kind", "hours", "which"),
    [
        ("VIEW", 12, "which you looked at today"),
        ("VIEW", 13, "which you looked at lately"),
        ("CART", 13, "which is in your cart"),
    ],
)
def test_a_reason_says_what_was_done_and_how_long_ago(page, kind, hours, which):
    shelf = page("8", (kind, MILK, hours), display_types=[T.RECOMMENDED])[T.RECOMMENDED]

    assert f"Often bought with Milk, {which}" in [pick.reason for pick in shelf.picks]


def test_a_view_of_long_ago_alters_a_recommendation_less_and_not_within_a_day(page):
    def scores(days, hours=0):
        now = NOW + timedelta(days=days, hours=hours)
        shelf = page("8", ("VIEW", MILK, 1), now=now, display_types=[T.RECOMMENDED])[T.RECOMMENDED]
        return {pick.product.product_id: pick.score for pick in shelf.picks}

    assert scores(0)[BREAD] > scores(1)[BREAD] > scores(20)[BREAD]
    assert scores(1) == scores(1, hours=11)


def test_what_is_only_described_alike_is_not_said_to_be_bought_together(bundle, catalogue, rules):
    described = Bundle(bundle.manifest, replace(bundle.content, together=np.zeros(8, dtype=bool)))
    state = LiveState(viewed={MILK: MOMENT})

    [shelf] = compose(described, catalogue, rules, Shopper("8", state), NOW, PageQuery([T.RECOMMENDED]))

    assert "Similar to Milk, which you looked at today" in [pick.reason for pick in shelf.picks]


def test_an_unknown_shopper_gets_what_is_popular(page):
    shelf = page("nobody")[T.RECOMMENDED]

    assert ids(shelf) == [MILK, BREAD, TEA, JAM, SOAP, RICE]
    assert shelf.fallback_used
    assert shelf.picks[0].reason == "Popular with other shoppers"


def test_offer_shelves_hold_true_offers_only(page):
    shelves = page("nobody", display_types=[T.SALE, T.DAILY_DEAL])

    assert sorted(ids(shelves[T.SALE]) + ids(shelves[T.DAILY_DEAL])) == [TEA, JAM]
    assert "43% off" in [pick.reason for shelf in shelves.values() for pick in shelf.picks]


def test_an_offer_that_ended_leaves_its_shelf(page):
    shelves = page("nobody", now=NOW + timedelta(days=5), display_types=[T.SALE, T.DAILY_DEAL])

    assert ids(shelves[T.SALE]) + ids(shelves[T.DAILY_DEAL]) == []


def test_an_offer_above_the_price_is_none(page, catalogue):
    catalogue.put(altered(catalogue.get(TEA), special_price=Decimal("99.00")))

    assert ids(page("nobody", display_types=[T.SALE])[T.SALE]) == [JAM]


def test_an_offer_is_a_deal_of_the_day_on_one_day_in_seven(page):
    def first_deal(days):
        return ids(page("nobody", now=NOW + timedelta(days=days), display_types=[T.DAILY_DEAL])[T.DAILY_DEAL])[0]

    # On a day without a deal, offers stand in by popularity: tea sells better than jam, jam than soap.
    assert [first_deal(days) for days in range(-3, 4)] == [SOAP, JAM, TEA, TEA, TEA, TEA, TEA]


def test_an_offer_on_what_is_sold_out_is_none(page, catalogue):
    catalogue.put(altered(catalogue.get(TEA), stock=0))

    shelf = page("nobody", display_types=[T.RECOMMENDED], with_sold_out=True)

    assert {pick.offer for pick in shelf[T.RECOMMENDED].picks if pick.product.product_id == TEA} == {None}


def test_no_product_stands_twice_on_a_page(page):
    for user_id in (BUYER, VISITOR, "nobody"):
        everything = [product_id for shelf in page(user_id, ("VIEW", TEA, 1)).values() for product_id in ids(shelf)]

        assert len(everything) == len(set(everything))


def test_inactive_and_sold_out_products_never_show(page):
    everything = {product_id for shelf in page(BUYER, ("VIEW", GONE, 1)).values() for product_id in ids(shelf)}

    assert not everything & {GONE, EMPTY}


def test_a_product_that_sells_out_leaves_at_once(page, catalogue):
    catalogue.put(altered(catalogue.get(MILK), stock=0))

    assert MILK not in ids(page("nobody")[T.RECOMMENDED])


def test_a_product_that_came_after_the_bundle_can_be_continued(page, catalogue):
    catalogue.put(altered(catalogue.get(MILK), product_id=900, name="New"))

    assert 900 in ids(page(BUYER, ("VIEW", 900, 1))[T.CONTINUE_SHOPPING])


def test_each_category_stands_once_on_the_category_shelf(page):
    shelf = page(BUYER, display_types=[T.RECOMMENDED_CATEGORY])[T.RECOMMENDED_CATEGORY]

    categories = [pick.product.category_id for pick in shelf.picks]
    assert len(categories) == len(set(categories))
    assert ids(shelf)[:2] == [MILK, BREAD]
    assert shelf.picks[0].reason == "From MILK, where you shop"


def test_where_no_model_chose_the_category_shelf_does_not_say_so_either(bundle, catalogue, rules):
    popular = Bundle(bundle.manifest.model_copy(update={"popularity_because": "too few"}), bundle.content)

    [shelf] = compose(popular, catalogue, rules, Shopper(BUYER), NOW, PageQuery([T.RECOMMENDED_CATEGORY]))

    assert {pick.reason for pick in shelf.picks} == {"Popular with other shoppers"}


def test_what_is_seen_at_once_of_every_shelf_is_chosen_before_the_rest_of_any(bundle, catalogue, rules):
    def chosen(at_first):
        turns, both = rules.model_copy(update={"at_first": at_first}), PageQuery([T.REPURCHASE, T.RECOMMENDED_CATEGORY])
        restock, categories = compose(bundle, catalogue, turns, Shopper(BUYER), NOW, both)
        return ids(restock), ids(categories)[:2]

    assert chosen(at_first=1) == ([MILK], [BREAD, JAM])
    assert chosen(at_first=2) == ([MILK, BREAD], [JAM, TEA])


@pytest.mark.parametrize("shelf", T)
def test_a_shelf_asked_for_alone_is_the_same_in_however_many_turns_it_is_filled(bundle, catalogue, rules, shelf):
    def filled(at_first):
        turns = rules.model_copy(update={"at_first": at_first})
        return compose(bundle, catalogue, turns, Shopper(BUYER), NOW, PageQuery([shelf]))

    assert filled(at_first=1) == filled(at_first=12)


def test_variety_limits_products_of_a_type(bundle, catalogue, rules):
    catalogue.put(altered(catalogue.get(GONE), is_active=True))
    catalogue.put(altered(catalogue.get(EMPTY), stock=1))

    [shelf] = compose(bundle, catalogue, rules, Shopper(BUYER), NOW, PageQuery([T.RECOMMENDED]))

    assert [pick.product.product_type for pick in shelf.picks].count("TEA") == 2


def test_what_is_asked_narrows_a_shelf(page):
    shelf = page(
        "nobody",
        display_types=[T.RECOMMENDED],
        limit=1,
        exclude=[MILK],
        category_ids=frozenset({11, 13, 14}),
        keep=lambda product: product.price > Decimal(4),
    )[T.RECOMMENDED]

    assert ids(shelf) == [JAM]


def test_a_shelf_below_its_minimum_is_short(page):
    shelves = page(BUYER)

    assert shelves[T.REPURCHASE].is_short
    assert not shelves[T.CONTINUE_SHOPPING].is_short


def test_the_same_question_has_the_same_answer(page):
    assert page(BUYER, ("VIEW", TEA, 1)) == page(BUYER, ("VIEW", TEA, 1))


def test_a_bundle_without_neighbours_and_factors_still_serves(bundle, rules):
    thin = replace(
        bundle.content,
        neighbours=replace(
            bundle.content.neighbours,
            items=bundle.content.neighbours.items[:, :0],
            scores=bundle.content.neighbours.scores[:, :0],
        ),
        factors=bundle.content.factors[:, :0],
    )
    bare = Bundle(bundle.manifest, thin)
    state = LiveState(viewed={TEA: MOMENT})

    shelves = compose(bare, Catalogue(bare), rules, Shopper(BUYER, state), NOW)

    assert all(shelf.picks for shelf in shelves if shelf.display_type in {T.CONTINUE_SHOPPING, T.REPURCHASE})
