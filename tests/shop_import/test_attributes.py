import pytest

from shop_import.attributes import columns, definition, typed
from shop_import.folder import FolderError


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["150", "1.5", "-3"], "number"),
        (["0.5", "0"], "number"),
        (["4901234567894"], "text"),
        (["0012", "12"], "text"),
        (["12", "unknown"], "text"),
        (["True", False], "boolean"),
    ],
)
def test_an_attribute_has_the_type_that_all_its_values_look_like_and_codes_are_texts(values, kind):
    assert definition("jan", values)["type"] == kind


def test_a_number_with_leading_zeros_does_not_lose_them_silently():
    assert typed("0012", {"type": "number", "isMultiple": False}) == "0012"


@pytest.mark.parametrize("value", [["S", 38, True], "S | 38 |true|"])
def test_a_list_is_one_of_texts(value):
    assert typed(value, {"type": "text", "isMultiple": True}) == ["S", "38", "true"]


@pytest.mark.parametrize("mapped", [{}, {"attributes": "all"}])
def test_attributes_come_in_one_column_or_in_one_each(mapped):
    with pytest.raises(FolderError, match="attribute:color"):
        columns(["attribute:color", *(mapped.values() or ["attributes"])], mapped)
