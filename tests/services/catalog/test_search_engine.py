import pytest

from services.catalog.search.engine import shown


@pytest.mark.parametrize(
    ("value", "text"),
    [(1000000.0, "1000000"), (1000000, "1000000"), (1234567.5, "1234567.5"), (0.1234567, "0.1234567"), (2.0, "2")],
)
def test_numbers_keep_their_digits_as_values_of_attributes(value, text):
    assert shown(value) == [text]
