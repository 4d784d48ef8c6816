import pytest

from services.cart.clients import Product

OF_BEFORE = {
    "id": 1,
    "sku": "tea",
    "name": "Tea",
    "currency": "JPY",
    "price": "500",
    "image": None,
    "stock": 3,
    "isActive": True,
    "specialPrice": None,
    "productVersion": 1,
    "stockVersion": 1,
    "offerVersion": 0,
}
"""What a catalog of before variants answers."""


@pytest.mark.parametrize(("more", "is_sold"), [({}, True), ({"isParent": False}, True), ({"isParent": True}, False)])
def test_a_product_is_sold_unless_catalog_calls_it_a_parent(more, is_sold):
    assert Product.model_validate({**OF_BEFORE, **more}).is_sold is is_sold
