from dataclasses import replace

import numpy as np
import pytest

from ml.bundle.bundle import Bundle
from ml.shelves.explanations import Ground, grounds
from tests.ml.tiny_bundle import about, content

MILK, BREAD, TEA, JAM, SOAP, RICE = range(6)
OWNED = np.array([MILK, BREAD], dtype=np.int32)


@pytest.fixture
def bundle():
    return Bundle(about(), content())


def test_the_owned_neighbour_is_the_ground(bundle):
    counts = np.array([1, 1], dtype=np.int32)

    assert grounds(bundle, [JAM, RICE], OWNED, counts) == [
        Ground(BREAD, "because_bought"),
        Ground(MILK, "because_bought"),
    ]


def test_what_is_bought_more_often_speaks_louder():
    near = content().neighbours
    near.items[TEA], near.scores[TEA] = [MILK, BREAD], [0.5, 0.4]
    both = Bundle(about(), replace(content(), neighbours=near))

    [rarely] = grounds(both, [TEA], OWNED, np.array([1, 1], dtype=np.int32))
    [often] = grounds(both, [TEA], OWNED, np.array([1, 9], dtype=np.int32))

    assert (rarely.item, often.item) == (MILK, BREAD)


def test_without_an_owned_neighbour_the_most_alike_owned_item_is_the_ground():
    factors = np.eye(8, dtype=np.float32)
    factors[SOAP] = factors[BREAD]
    alike = Bundle(about(), replace(content(), factors=factors))

    assert grounds(alike, [SOAP], OWNED, np.array([1, 1], dtype=np.int32)) == [Ground(BREAD, "alike")]


def test_nothing_is_claimed_where_no_owned_item_speaks_for_it(bundle):
    nothing = np.array([], dtype=np.int32)

    assert grounds(bundle, [SOAP], OWNED, np.array([1, 1], dtype=np.int32)) == [None]
    assert grounds(bundle, [SOAP], nothing, nothing) == [None]
