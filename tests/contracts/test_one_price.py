"""The price that is true now is one thing: catalog sets it, and whoever shows or charges it follows its events."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from ml.bundle.bundle import Bundle
from ml.shelves.catalogue import Catalogue
from services.cart.consumer import COLUMNS
from services.cart.domain import Cart
from services.catalog.domain import events_between, new_product
from services.catalog.reservations import reservations
from services.catalog.schemas import ProductOut
from services.common.messaging.product_parts import parts_of
from services.content import mirror
from services.content.domain import DisplayRow
from services.contracts.envelope import Event
from serving.events import CATALOGUE
from serving.products import Products
from tests.ml.tiny_bundle import about, content

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
TEA = {"name": "Tea", "price": Decimal("4.50"), "currency": "USD", "stock": 5}


OFFERS = {
    "none": None,
    "holds": (NOW - HOUR, NOW + HOUR),
    "holds for good": (NOW - HOUR, None),
    "begins later": (NOW + HOUR, None),
    "is over": (NOW - 2 * HOUR, NOW - HOUR),
}


@pytest.fixture(params=OFFERS)
def case(request):
    return request.param


@pytest.fixture
def true_price(case):
    return Decimal("3.25" if case.startswith("holds") else "4.50")


@pytest.fixture
def state(case):
    """The product in catalog."""
    dates = OFFERS[case]
    offer = dates and {"price": Decimal("3.25"), "start_date": dates[0], "end_date": dates[1]}
    return new_product(900, "tea", TEA | {"special_price": offer}).with_next_versions(None)


@pytest.fixture
def events(state):
    """What catalog tells of it."""
    return list(events_between(None, state))


def test_shoppers_see_it_in_the_catalog(state, true_price):
    offer = state.offer
    terms = (offer.special_price, offer.start_date, offer.end_date) if offer else (None,) * 3
    blank = dict.fromkeys(ProductOut.model_fields) | {"rating": 0, "category_ids": [], "category_codes": []}
    blank |= {"is_parent": False, "variant_count": 0}
    times = {"created_at": NOW, "updated_at": NOW}
    priced = dict(zip(("special_price", "start_date", "end_date"), terms, strict=True))
    row = {**blank, **times, **dict(state.product), "id": 900, "offer_version": 1, **priced}

    shown = ProductOut.of(row, is_public=True)

    assert (shown.special_price.price if shown.special_price else shown.price) == true_price


def test_contents_shelves_show_it(events, true_price):
    copy = {"id": 900, **mirror.UNKNOWN_PRODUCT}
    for _, payload in events:
        mirror.apply(copy, payload)
    product = {
        "product_price": copy["price"],
        "currency": copy["currency"],
        "stock": copy["stock"],
        "is_product_active": copy["is_active"],
        "offer_price": copy["special_price"],
        **{f"offer_{name}": copy[f"special_{name}"] for name in ("currency", "starts_at", "ends_at")},
    }
    place = {"display_type": "SALE", "rank": 1, "starts_at": NOW - 3 * HOUR}
    row = DisplayRow(**dict.fromkeys(DisplayRow.__dataclass_fields__) | place | product)

    assert (row.special_price_at(NOW) or row.product_price) == true_price


def test_servings_shelves_show_it(events, true_price):
    products, catalogue = Products(), Catalogue(Bundle(about(), content()))
    for event_type, payload in events:
        told = CATALOGUE.decode(Event.of(event_type, payload, producer="catalog").to_bytes())
        products.apply(told.event_type, told.data, catalogue)
    tea = catalogue.get(900)

    assert (tea.offer_at(NOW.timestamp()) or tea.price) == true_price


def test_a_cart_is_valued_at_it(events, true_price):
    item = {"product_id": 900, "quantity": 2, "added_price": Decimal("4.50"), **dict.fromkeys(COLUMNS.values())}
    for _, payload in events:
        for _, _, values in parts_of(payload):
            item |= {COLUMNS[name]: value for name, value in values.items() if name in COLUMNS}

    [line] = Cart.of([item], {}, NOW).lines

    assert (line.price, line.amount) == (true_price, 2 * true_price)


def test_an_order_is_charged_at_it(state, true_price):
    line = reservations._line(state, 2, NOW)

    assert (line["price"], line["amount"]) == (str(true_price), str(2 * true_price))
