"""What catalog says of a product, by part and version, and what becomes of the bundle's."""

import dataclasses
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from msgspec.structs import replace

from ml.bundle.bundle import Bundle
from ml.shelves.catalogue import Catalogue
from serving.events import ProductChange
from serving.products import Products
from tests.ml.tiny_bundle import BREAD, MILK, TEA, about, content

NEW = 900
OFFER = {"special_price": Decimal("0.50"), "start_date": datetime(2026, 1, 1, tzinfo=UTC)}


@pytest.fixture
def products():
    return Products()


@pytest.fixture
def catalogue():
    return Catalogue(Bundle(about(), content()))


@pytest.fixture
def tell(products, catalogue):
    """Tells an event of a product: `tell("STOCK_CHANGED", MILK, stock=0)`."""

    def told(event_type, product_id=None, **fields):
        products.apply(event_type, ProductChange(product_id=product_id, **fields), catalogue)

    return told


def described(name="Milk", **fields):
    return {"name": name, "price": Decimal(2), "stock": 5, **fields}


def test_an_older_part_undoes_no_newer_one(tell, catalogue):
    tell("STOCK_CHANGED", MILK, stock=0, stock_version=4)
    tell("PRODUCT_UPDATED", MILK, **described("Whole milk", product_version=2, stock_version=3))

    assert (catalogue.get(MILK).name, catalogue.get(MILK).stock) == ("Whole milk", 0)


def test_a_snapshot_of_a_product_says_nothing_of_its_offer(tell, catalogue):
    tell("SPECIAL_PRICE_SET", MILK, offer_version=1, **OFFER)
    tell("PRODUCT_UPDATED", MILK, **described(product_version=9, stock_version=9))

    assert catalogue.get(MILK).special_price == Decimal("0.50")


def test_an_offer_counts_only_while_it_is_in_the_currency_of_its_product(tell, catalogue):
    tell("SPECIAL_PRICE_SET", MILK, currency="EUR", offer_version=1, **OFFER)
    assert catalogue.get(MILK).special_price is None

    tell("PRODUCT_UPDATED", MILK, **described(currency="EUR", product_version=9))
    assert catalogue.get(MILK).special_price == Decimal("0.50")


def test_without_versions_the_last_of_the_log_holds(tell, catalogue):
    tell("STOCK_CHANGED", MILK, stock=0)
    tell("STOCK_CHANGED", MILK, stock=9)

    assert catalogue.get(MILK).stock == 9


def test_a_deletion_is_final(tell, catalogue):
    tell("PRODUCT_DELETED", MILK)
    tell("PRODUCT_UPDATED", MILK, **described(product_version=99))

    assert not catalogue.get(MILK).is_active


def test_a_product_moves_to_the_deepest_category_it_is_put_into(tell, catalogue):
    for category_id, name, level in ((1, "Food", 1), (2, "Drinks", 2), (3, "Cold drinks", 2)):
        tell("CATEGORY_CREATED", category_id=category_id, name=name, level=level, category_version=1)

    tell("PRODUCT_UPDATED", MILK, **described(category_ids=(1, 3, 2), product_version=1))

    milk = catalogue.get(MILK)
    assert (milk.category_id, milk.category_name, milk.product_type) == (2, "Drinks", "Drinks")


def test_a_product_that_stays_in_its_category_keeps_its_type(tell, catalogue):
    catalogue.put(replace(catalogue.get(MILK), product_type="WHOLE"))

    tell("PRODUCT_UPDATED", MILK, **described(category_ids=(11,), product_version=1))

    assert catalogue.get(MILK).product_type == "WHOLE"


def test_a_variant_names_its_parent_until_it_is_deleted(tell, catalogue):
    tell("PRODUCT_UPDATED", MILK, **described(parent_id=BREAD, product_version=1))
    assert (catalogue.get(MILK).parent_id, catalogue.is_shown[catalogue.index[BREAD]]) == (BREAD, False)

    tell("PRODUCT_DELETED", MILK)

    assert (catalogue.get(MILK).parent_id, catalogue.is_shown[catalogue.index[BREAD]]) == (None, True)


def test_a_categorys_new_name_is_that_of_its_products(tell, catalogue):
    tell("CATEGORY_UPDATED", category_id=11, name="Dairy", level=2, category_version=1)

    assert catalogue.get(MILK).category_name == "Dairy"


def test_what_a_snapshot_lacks_is_gone_unless_it_was_told_of_meanwhile(products, tell, catalogue):
    tell("STOCK_CHANGED", MILK, stock=3, stock_version=1)
    end = products.begin_snapshot()
    products.take_product(BREAD, ProductChange(product_id=BREAD, **described("Bread")), catalogue)
    tell("PRODUCT_CREATED", NEW, **described("New", product_version=1, stock_version=1))

    end({BREAD}, catalogue)

    shown = {product.product_id for item, product in enumerate(catalogue.products) if catalogue.is_shown[item]}
    assert shown == {BREAD, NEW}


def test_a_new_bundles_products_are_as_catalog_has_them_and_else_its_own(products, tell, catalogue):
    tell("STOCK_CHANGED", TEA, stock=1, stock_version=1)
    newer = content()
    newer = dataclasses.replace(newer, items=newer.items.with_columns(product_type=newer.items["name"]))
    catalogue = Catalogue(Bundle(about(), newer))
    finish = products.bring_up(catalogue)
    products.apply("STOCK_CHANGED", ProductChange(product_id=MILK, stock=2, stock_version=1), None)

    finish()

    tea = catalogue.get(TEA)
    assert (tea.stock, tea.product_type) == (1, "Tea")
    assert catalogue.get(MILK).stock == 2


@pytest.mark.parametrize("is_meanwhile", [False, True])
def test_a_new_bundles_categories_are_called_as_catalog_does(products, catalogue, is_meanwhile):
    renamed = ProductChange(category_id=catalogue.get(MILK).category_id, name="New", code="N", category_version=1)
    if is_meanwhile:
        finish = products.bring_up(catalogue)
        products.apply("CATEGORY_UPDATED", renamed, None)
    else:
        products.apply("CATEGORY_UPDATED", renamed, None)
        finish = products.bring_up(catalogue)

    finish()

    assert (catalogue.get(MILK).category_name, catalogue.get(MILK).category_code) == ("New", "N")
