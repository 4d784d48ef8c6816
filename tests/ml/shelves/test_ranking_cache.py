"""What is kept of rankings makes no other page than working them out anew."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as altered

from ml.bundle.bundle import Bundle, write
from ml.shelves.candidates import Candidate
from ml.shelves.catalogue import Catalogue
from ml.shelves.composing import DisplayType, PageQuery, RankingCache, Rules, Shopper, compose
from ml.shelves.session import BUY, KINDS, LiveState
from tests.ml.tiny_bundle import BREAD, BUYER, JAM, MILK, NEWCOMER, NOW, RICE, SOAP, TEA, about, act, content

RULES = Rules.load()
ONE = PageQuery([DisplayType.RECOMMENDED])


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    directory = tmp_path_factory.mktemp("bundles") / "b1"
    write(directory, content(), about())
    return Bundle.open(directory)


@settings(max_examples=30)
@given(
    actions=st.lists(
        st.tuples(
            st.sampled_from([BUYER, NEWCOMER]),
            st.sampled_from([*KINDS, BUY, "CANCEL"]),
            st.sampled_from([MILK, BREAD, TEA, JAM, SOAP, RICE]),
        ),
        max_size=8,
    ),
    kept=st.integers(1, 4),
)
def test_a_page_is_the_same_whatever_was_kept(bundle, actions, kept):
    catalogue, ranking_cache = Catalogue(bundle), RankingCache(kept)
    states = {BUYER: LiveState(), NEWCOMER: LiveState()}

    for at, (user, kind, product) in enumerate(actions):
        act(states[user], kind, product, NOW.timestamp() - 100 + at)
        for shopper in (Shopper(user, state) for user, state in states.items()):
            anew = compose(bundle, catalogue, RULES, shopper, NOW)
            assert compose(bundle, catalogue, RULES, shopper, NOW, ranking_cache=ranking_cache) == anew


def test_a_ranking_that_is_longer_than_what_is_kept_goes_on(bundle, monkeypatch):
    monkeypatch.setattr("ml.shelves.sources.HEAD", 1)
    catalogue, shopper = Catalogue(bundle), Shopper(BUYER)

    [shelf] = compose(bundle, catalogue, RULES, shopper, NOW, ONE, RankingCache())

    assert [shelf] == compose(bundle, catalogue, RULES, shopper, NOW, ONE)
    assert [pick.product.product_id for pick in shelf.picks][:2] == [JAM, TEA]


def test_stock_and_names_are_those_of_the_moment(bundle):
    catalogue, ranking_cache = Catalogue(bundle), RankingCache()
    shopper = Shopper(NEWCOMER, LiveState(viewed={BREAD: NOW.timestamp()}))
    compose(bundle, catalogue, RULES, shopper, NOW, ONE, ranking_cache)

    catalogue.put(altered(catalogue.get(MILK), stock=0))
    catalogue.put(altered(catalogue.get(BREAD), name="Baguette"))
    [shelf] = compose(bundle, catalogue, RULES, shopper, NOW, ONE, ranking_cache)

    assert MILK not in [pick.product.product_id for pick in shelf.picks]
    assert "Often bought with Baguette, which you looked at today" in [pick.reason for pick in shelf.picks]


def test_a_head_is_made_once_and_anew_after_each_action():
    made, ranking_cache, state = [], RankingCache(), LiveState()

    def head():
        return ranking_cache.head(Shopper("7", state), "discover", lambda: made.append(1) or [Candidate(1, 0.5, "x")])

    head(), head()
    assert len(made) == 1
    state.order(1, 1.0, {TEA: 1})
    head()
    assert len(made) == 2
    state.cancel(1, 2.0)
    head()
    assert len(made) == 3


def test_only_so_many_heads_are_kept():
    made, ranking_cache, state = [], RankingCache(2), LiveState()

    for user in ("1", "2", "3", "1"):
        ranking_cache.head(Shopper(user, state), "discover", lambda: made.append(1) or [])

    assert len(made) == 4


def test_the_head_used_least_recently_is_dropped_first():
    made, ranking_cache, state = [], RankingCache(2), LiveState()

    for user in ("1", "2", "1", "3", "1"):
        ranking_cache.head(Shopper(user, state), "discover", lambda user=user: made.append(user) or [])

    assert made == ["1", "2", "3"]
