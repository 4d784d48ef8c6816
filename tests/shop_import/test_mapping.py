import pytest

from shop_import.folder import FolderError
from shop_import.mapping import read_mapping

REFUSED = {
    "curency: JPY": r"curency is not known; available: name, timezone, currency",
    "orders: {fil: a.csv}": r"orders\.fil is not known; available: file, encoding",
    "orders: {columns: {order: a}}": r"orders\.columns: order is not known; available: order_id, user_id",
    "actions: {types: {view: LOOK}}": r"actions\.types: LOOK is not known; available: PRODUCT_VIEWED",
    "timezone: Asia/Tokio": r"timezone: Asia/Tokio is not a time zone; similar: Asia/Tokyo",
    "currency: yen": r"currency",
    "orders: {columns: {price: a}, constants: {price: 1}}": r"price is both a column and a constant",
    "{": r"is not YAML",
}


@pytest.mark.parametrize(("text", "message"), REFUSED.items())
def test_what_a_mapping_cannot_mean_is_named(tmp_path, text, message):
    file = tmp_path / "mapping.yaml"
    file.write_text(text)
    with pytest.raises(FolderError, match=message):
        read_mapping(file)


def test_an_empty_mapping_maps_nothing(tmp_path):
    file = tmp_path / "mapping.yaml"
    file.write_text("# nothing\n")
    assert read_mapping(file).currency is None
