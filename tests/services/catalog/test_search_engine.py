import pytest

from services.catalog.search.engine import Hit, shown
from services.catalog.search.search import preferred


@pytest.mark.parametrize(
    ("value", "text"),
    [(1000000.0, "1000000"), (1000000, "1000000"), (1234567.5, "1234567.5"), (0.1234567, "0.1234567"), (2.0, "2")],
)
def test_numbers_keep_their_digits_as_values_of_attributes(value, text):
    assert shown(value) == [text]


@pytest.mark.parametrize("better", [-2.0, 9.0])
def test_taste_decides_only_among_what_fits_equally_well_however_an_index_counts(better):
    hits = [Hit(1, 1, (better, 1)), *(Hit(number, 1, (3.0, number)) for number in (2, 3, 4))]
    assert [hit.product_id for hit in preferred(hits, [4, 3, 1])] == [1, 4, 3, 2]
