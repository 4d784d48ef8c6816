"""Of a parent's variants one is shown, and the parent is not."""

import pytest
from msgspec.structs import replace

from ml.bundle.bundle import Bundle
from ml.shelves.catalogue import Catalogue
from ml.shelves.composing import DisplayType, PageQuery, Shopper, compose
from ml.shelves.rules import Rules
from ml.shelves.session import LiveState
from ml.shelves.similar import similar
from tests.ml.tiny_bundle import BREAD, BUYER, JAM, MILK, NEWCOMER, NOW, RICE, TEA, about, act, content

PARENT = 900
RULES = Rules.load()


@pytest.fixture
def bundle():
    return Bundle(about(), content())


@pytest.fixture
def catalogue(bundle):
    return Catalogue(bundle)


@pytest.fixture
def adopt(catalogue):
    """To make products variants of a parent, or of none."""

    def make(parent_id, *variants):
        for each in variants:
            catalogue.put(replace(catalogue.get(each), parent_id=parent_id))

    return make


@pytest.fixture
def recommended(bundle, catalogue):
    """The products recommended to a user who lately viewed some; `only` without the rest of the page."""

    def ids(user_id, *viewed, **query):
        state = LiveState()
        for product_id in viewed:
            act(state, "VIEW", product_id, NOW.timestamp() - 60)
        query = PageQuery(display_types=[DisplayType.RECOMMENDED], **query)
        [shelf] = compose(bundle, catalogue, RULES, Shopper(user_id, state), NOW, query)
        return [pick.product.product_id for pick in shelf.picks]

    return ids


@pytest.fixture
def alike(bundle, catalogue):
    def ids(product_id, **query):
        query = PageQuery(limit=5, **query)
        item = catalogue.index[product_id]
        picks, _ = similar(bundle, catalogue, RULES.reasons, item, query, NOW.timestamp())
        return [pick.product.product_id for pick in picks]

    return ids


def test_the_best_ranked_variant_is_shown_alone(adopt, recommended):
    assert recommended(BUYER)[:2] == [JAM, TEA]
    adopt(PARENT, JAM, TEA)
    assert recommended(BUYER)[0] == JAM
    assert TEA not in recommended(BUYER)


def test_no_two_variants_are_on_one_page(bundle, catalogue, adopt):
    adopt(PARENT, JAM, TEA, RICE)
    shelves = compose(bundle, catalogue, RULES, Shopper(BUYER), NOW)
    shown = [pick.product.product_id for shelf in shelves for pick in shelf.picks]
    assert len({JAM, TEA, RICE} & set(shown)) == 1


def test_a_parent_is_not_shown_until_it_has_no_variant(adopt, recommended):
    adopt(JAM, RICE)
    assert JAM not in recommended(BUYER)
    adopt(None, RICE)
    assert JAM in recommended(BUYER)


def test_a_variant_that_is_younger_than_the_bundle_makes_its_parent_one(catalogue, recommended):
    catalogue.put(replace(catalogue.get(JAM), product_id=901, parent_id=JAM))
    assert JAM not in recommended(BUYER)


def test_another_variant_of_what_was_bought_is_nothing_new(adopt, recommended):
    adopt(PARENT, BREAD, JAM)
    assert JAM not in recommended(BUYER)


def test_another_variant_of_what_was_just_viewed_is_not_recommended(adopt, recommended):
    assert JAM in recommended(BUYER, TEA)
    adopt(PARENT, TEA, JAM)
    assert JAM not in recommended(BUYER, TEA)


def test_who_excludes_a_variant_excludes_the_others_and_who_hides_it_does_not(adopt, recommended):
    adopt(PARENT, MILK, BREAD)
    assert not {MILK, BREAD} & set(recommended(NEWCOMER, exclude=[MILK]))
    assert BREAD in recommended(NEWCOMER, hidden=[MILK])


def test_who_hides_a_parent_hides_its_variants(adopt, recommended):
    adopt(PARENT, MILK, BREAD)
    assert not {MILK, BREAD} & set(recommended(NEWCOMER, hidden=[PARENT]))


def test_a_variant_is_not_similar_to_another_of_its_parent(adopt, alike):
    assert alike(MILK) == [BREAD, RICE]
    adopt(PARENT, MILK, BREAD)
    assert alike(MILK) == [RICE]


def test_of_one_parent_one_variant_is_similar(adopt, alike):
    adopt(PARENT, BREAD, RICE)
    assert alike(MILK) == [BREAD]


def test_what_is_similar_to_a_parent_is_so_to_its_most_popular_variant(catalogue, adopt, alike):
    catalogue.put(replace(catalogue.get(TEA), product_id=PARENT))
    adopt(PARENT, MILK, JAM)
    assert alike(PARENT) == [BREAD, RICE]
