import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from aiokafka import AIOKafkaConsumer

from services.common.storage.migrate import migrate
from services.contracts.registry import parse
from shop_import import importer
from shop_import.bulk import RefusedError
from shop_import.folder import TABLES, YOUNGER, FolderError, Manifest, read_table, write_manifest, write_table
from shop_import.importer import Import
from shop_import.sender import by_topic
from shop_import.upload import Catalog
from tests.service_process import ServiceProcess

ROOT = Path(__file__).parents[2]
WEEKS = 10
SUNDAY = datetime(2026, 1, 4, 18, 0)  # noqa: DTZ001 - as the folder has it
PRODUCT = {"description": "d", "brand": "b", "price": Decimal("2.00"), "stock": 5, "is_active": True}
ORDER = {"user_id": "u1", "quantity": 1, "price": Decimal("2.00"), "amount": Decimal("2.00")}


@pytest.fixture(scope="module")
def catalog(tmp_path_factory, database, broker, tokens):
    """The catalog service itself, with its own database."""
    broker.create_topics()
    database_url = database("catalog")
    migrate("catalog", database_url)
    environment = {"CATALOG_DATABASE_URL": database_url, "KAFKA_URL": broker.url, **tokens.environment}
    authentication = tokens.signer("importer").authenticate("importer", "catalog")
    with (
        ServiceProcess("catalog", environment, tmp_path_factory.mktemp("catalog") / "log") as service,
        Catalog(service.url, authentication) as catalog,
    ):
        yield catalog


@pytest.fixture
def folder(tmp_path):
    """A shop with two products, one of them on offer, two orders and a simulated view."""
    tables = {
        "categories": [{"code": "G", "name": "Grocery"}, {"code": "G > T", "name": "Tea"}],
        "products": [
            {**PRODUCT, "sku": "T1", "name": "Green tea", "category_code": "G > T"}
            | {"special_price": Decimal("1.50"), "special_starts_at": SUNDAY, "special_ends_at": datetime(2026, 1, 18)},  # noqa: DTZ001
            {**PRODUCT, "sku": "X9", "name": "Unknown", "is_active": False},
        ],
        "orders": [
            {**ORDER, "external_id": "1", "ordered_at": SUNDAY, "sku": "T1"},
            {**ORDER, "external_id": "1", "ordered_at": SUNDAY, "sku": "X9"},
            {**ORDER, "external_id": "2", "ordered_at": SUNDAY + timedelta(days=40), "sku": "T1"},
        ],
        "actions": [
            {"source_id": "a1", "user_id": "u1", "session_id": "s", "action_type": "PRODUCT_VIEWED", "simulated": True}
            | {"occurred_at": SUNDAY + timedelta(days=1), "sku": "T1"},
        ],
    }
    for name, rows in tables.items():
        empty = dict.fromkeys(TABLES[name])
        write_table(tmp_path, name, pl.DataFrame([{**empty, **row} for row in rows], TABLES[name]))
    last = (SUNDAY + timedelta(days=40)).replace(tzinfo=UTC)
    write_manifest(tmp_path, Manifest(name="Shop", currency="USD", last_event_at=last, counts={"orders": 2}))
    return tmp_path


def silent(_):
    """Progress that nobody watches."""


async def everything(url, topic, number):
    """The first messages of a topic, parsed, in the order of their time."""
    async with AIOKafkaConsumer(topic, bootstrap_servers=url, auto_offset_reset="earliest") as consumer:
        found = [parse(topic, (await consumer.getone()).value) for _ in range(number)]
    return sorted(found, key=lambda pair: pair[0].timestamp)


async def test_a_folder_becomes_products_and_events_and_sending_it_twice_changes_nothing(folder, catalog, broker):
    source = Import(folder, WEEKS)
    catalogue = source.send_catalogue(catalog, silent)
    assert catalogue.products["sku"].to_list() == ["T1", "X9"]
    sent = await source.send_history(catalogue, broker.settings, silent, idempotent=False)
    assert by_topic(sent) == {"order.v1": 2, "user-actions.v1": 3}
    assert source.send_catalogue(catalog, silent).products.equals(catalogue.products)
    await source.send_history(catalogue, broker.settings, silent, idempotent=False)

    orders = await everything(broker.url, "order.v1", 4)
    assert orders[0] == orders[1]
    assert len({event.event_id for event, _ in orders}) == 2
    assert orders[0][0].timestamp == SUNDAY.replace(tzinfo=UTC) + timedelta(weeks=WEEKS)
    assert [line.product_id for line in orders[0][1].items] == catalogue.products["product_id"].to_list()

    actions = await everything(broker.url, "user-actions.v1", 6)
    assert [event.event_type for event, _ in actions[::2]] == ["ORDER_COMPLETE", "PRODUCT_VIEWED", "ORDER_COMPLETE"]
    assert [payload.simulated for _, payload in actions[::2]] == [False, True, False]


def test_a_folder_sent_again_leaves_what_staff_changed_but_for_the_columns_of_the_file(folder, catalog):
    products = pl.read_parquet(folder / "products.parquet").filter(pl.col("sku") == "X9").drop("sku")
    blank = {"description": None, "brand": None, "stock": 1000, "defaulted": "name|stock|is_active|price"}
    write_table(folder, "products", products.with_columns(sku=pl.lit("K1"), **{k: pl.lit(v) for k, v in blank.items()}))
    source, path = Import(folder, WEEKS), "/v1/products/sku:K1"
    source.send_catalogue(catalog, silent)
    made = catalog.client.get(path).json()
    assert (made["name"], made["stock"], made["image"], made["isActive"]) == ("Unknown", 1000, None, False)
    offer = {"price": "1.00", "startDate": "2026-01-01T00:00:00Z", "endDate": None}
    changes = {"name": "Tea", "description": "Fine", "brand": "Ours", "image": "https://shop.example/tea.jpg"}
    changes |= {"price": "3.00", "stock": 0, "isActive": True, "specialPrice": offer}
    changed = catalog.client.patch(path, json=changes).raise_for_status().json()
    source.send_catalogue(catalog, silent)
    assert catalog.client.get(path).json() == changed

    owned = pl.read_parquet(folder / "products.parquet").with_columns(defaulted=None, image=pl.lit("/images/tea.jpg"))
    write_table(folder, "products", owned)
    source.send_catalogue(catalog, silent)
    again = catalog.client.get(path).json()
    assert (again["name"], again["price"], again["stock"], again["image"]) == (
        "Unknown",
        "2.00",
        1000,
        "/images/tea.jpg",
    )
    assert (again["description"], again["specialPrice"]["price"]) == ("Fine", "1.00")


async def test_variants_attributes_and_keywords_reach_the_catalog_with_the_types_that_they_look_like(tmp_path, catalog):
    shirt = {**PRODUCT, "category_code": None}
    attributes = '{"weight": "150.5", "washable": "true", "colour": "red", "note": null}'
    rows = [
        {**shirt, "sku": "S", "name": "Shirt"},
        {
            **shirt,
            "sku": "S-M",
            "name": "Shirt M",
            "parent_sku": "S",
            "keywords": "tee| top |",
            "attributes": attributes,
        },
    ]
    tables = {"categories": [], "products": rows}
    for name, lines in tables.items():
        table = pl.DataFrame([{**dict.fromkeys(TABLES[name]), **line} for line in lines], TABLES[name])
        write_table(tmp_path, name, table)
    write_manifest(tmp_path, Manifest(name="Shop", currency="USD", last_event_at=SUNDAY.replace(tzinfo=UTC)))
    for _ in range(2):  # the second time the attributes are defined
        await asyncio.to_thread(Import(tmp_path, 0).send_catalogue, catalog, silent)
    product = catalog.client.get("/v1/products/sku:S-M").json()
    assert product["parentId"] == catalog.client.get("/v1/products/sku:S").json()["id"]
    assert product["keywords"] == ["tee", "top"]
    assert product["attributes"] == {"weight": 150.5, "washable": True, "colour": "red"}


async def test_a_value_that_is_none_of_its_defined_attribute_stops_the_import_by_name(folder, catalog):
    definition = {"code": "grade", "name": "Grade", "type": "choice", "choices": ["A", "B"]}
    catalog.client.post("/v1/attributes", json=definition).raise_for_status()
    products = pl.read_parquet(folder / "products.parquet").with_columns(attributes=pl.lit('{"grade": "C"}'))
    write_table(folder, "products", products)
    with pytest.raises(RefusedError, match=r"attributes\.grade.*must be one of A, B"):
        await asyncio.to_thread(Import(folder, WEEKS).send_catalogue, catalog, silent)


def test_a_folder_of_an_older_release_has_no_variants(folder):
    old = pl.read_parquet(folder / "products.parquet").drop(*YOUNGER)
    old.write_parquet(folder / "products.parquet")
    assert read_table(folder, "products")["parent_sku"].to_list() == [None, None]


async def test_an_ended_offer_is_renewed_in_the_catalog(folder, catalog):
    source = Import(folder, WEEKS)
    catalogue = await asyncio.to_thread(source.send_catalogue, catalog, silent)
    assert source.renew_offers(catalog) == 1
    product_id = catalogue.products["product_id"][0]
    offer = catalog.client.get(f"/v1/products/{product_id}").json()["specialPrice"]
    assert offer["price"] == "1.50"
    assert datetime.fromisoformat(offer["startDate"]) <= datetime.now(UTC) < datetime.fromisoformat(offer["endDate"])


async def test_a_folder_larger_than_memory_is_sent_in_spans_and_whole(folder, catalog, broker, monkeypatch):
    monkeypatch.setattr(importer, "SPAN_ROWS", 1)
    back = {"return_id": "C1", "external_id": "1", "user_id": "u1", "sku": "T1", "quantity": 1, "is_whole": False}
    row = back | {"returned_at": SUNDAY + timedelta(days=2)}
    write_table(folder, "returns", pl.DataFrame([row], TABLES["returns"]))
    source = Import(folder, WEEKS)
    catalogue = await asyncio.to_thread(source.send_catalogue, catalog, silent)
    told = []

    sent = await source.send_history(catalogue, broker.settings, told.append, idempotent=False)

    assert by_topic(sent) == {"order.v1": 3, "user-actions.v1": 4}
    assert sum(told) == source.expected_events == 7
    assert max(told) == 1


def test_what_the_catalog_refuses_is_told(catalog):
    products = pl.DataFrame(
        [dict.fromkeys(TABLES["products"]) | PRODUCT | {"sku": "B", "name": ""}], TABLES["products"]
    )
    categories = pl.DataFrame([], TABLES["categories"])
    with pytest.raises(RefusedError, match=r"refused 1 lines.*name"):
        catalog.upload(categories, products, "USD", silent)


def test_a_folder_without_a_manifest_is_refused(tmp_path):
    with pytest.raises(FolderError, match=r"no import\.yaml"):
        Import(tmp_path, 0).manifest  # noqa: B018 - reading it is the test
