import psycopg
import pytest
import pytest_asyncio

from services.common.messaging.producer import Producer
from services.contracts.envelope import Event
from services.contracts.events import catalog
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")
BEGIN, END = "2026-01-01T00:00:00Z", "2099-01-01T00:00:00Z"
TEA = {
    "product_id": 1,
    "sku": "tea",
    "name": "Tea",
    "price": "4.00",
    "currency": "USD",
    "stock": 5,
    "category_ids": (7,),
}
OFFER = catalog.SpecialPriceSet(product_id=1, special_price="3.00", currency="USD", start_date=BEGIN, end_date=END)


@pytest_asyncio.fixture(loop_scope="module")
async def happen(settings):
    """To publish what happened to the product (or category) of id 1."""
    producer = Producer(settings)

    async def publish(*events):
        for event_type, data in events:
            await producer.send("catalog.v1", "1", Event.of(event_type, data, producer="catalog").to_bytes())

    yield publish
    await producer.close()


@pytest_asyncio.fixture(loop_scope="module")
async def seen(client, load, activate):
    """To wait until a product on everyone's RECOMMENDED is as expected: some fields, or None for not there."""
    row = {"displayType": "RECOMMENDED", "productName": "Old name", "productPrice": "9.00", "currency": "USD"}
    await load("g1", *({**row, "rank": each, "productId": each} for each in (1, 2)))
    await activate("g1", 2)

    async def wait(expected, product_id=1):
        async def item():
            shelves = (await client.get("/v1/displays")).json()["shelves"]
            items = [item for shelf in shelves for item in shelf["items"] if item["productId"] == product_id]
            return items[0] if items else None

        await eventually(
            item, lambda item: item is expected is None or (item and expected and expected.items() <= item.items())
        )

    return wait


async def test_a_display_follows_its_product(happen, seen):
    await seen({"productName": "Old name", "productPrice": "9.00", "specialPrice": None})
    await happen(
        ("CATEGORY_CREATED", catalog.CategorySnapshot(category_id=7, code="TEA", name="Teas")),
        ("PRODUCT_CREATED", catalog.ProductSnapshot(**TEA)),
        ("SPECIAL_PRICE_SET", OFFER),
    )
    await seen({"productName": "Tea", "productPrice": "4.00", "specialPrice": "3.00", "categoryName": "Teas"})
    await happen(("PRODUCT_UPDATED", catalog.ProductSnapshot(**{**TEA, "name": "Green tea"})))
    await seen({"productName": "Green tea", "specialPrice": "3.00"})
    await happen(("SPECIAL_PRICE_ENDED", catalog.SpecialPriceEnded(product_id=1)))
    await seen({"productName": "Green tea", "specialPrice": None})
    await happen(("STOCK_CHANGED", catalog.StockChanged(product_id=1, stock=0)))
    await seen(None)
    await happen(("STOCK_CHANGED", catalog.StockChanged(product_id=1, stock=1)))
    await seen({"productName": "Green tea"})
    await happen(("PRODUCT_DELETED", catalog.ProductDeleted(product_id=1, sku="tea")))
    await seen(None)


async def test_a_merchandisers_row_has_catalogs_offer_within_its_own_dates(client, happen):
    await happen(
        ("PRODUCT_CREATED", catalog.ProductSnapshot(**{**TEA, "product_id": 4, "sku": "pinned"})),
        ("SPECIAL_PRICE_SET", OFFER.model_copy(update={"product_id": 4})),
    )
    pin = {"displayType": "REPURCHASE", "mode": "pin", "productId": 4}
    for dates in ({"endDate": END}, {"startDate": END}):
        await client.post("/v1/top-page-displays", json=pin | dates)

    async def prices():
        found = await client.get("/v1/top-page-displays", params={"productId": 4})
        return [each["specialPrice"] for each in found.json()["items"]]

    await eventually(prices, lambda found: found == ["3.00", None])


async def test_an_event_that_is_tried_again_late_puts_no_old_price_back(happen, seen):
    first, second = (
        catalog.ProductSnapshot(**{**TEA, "product_id": 2, "price": price}, product_version=version, stock_version=1)
        for price, version in (("4.00", 1), ("5.00", 2))
    )
    offer = catalog.SpecialPriceSet(
        product_id=2, special_price="3.00", currency="USD", start_date=BEGIN, offer_version=1
    )
    await happen(("SPECIAL_PRICE_SET", offer), ("PRODUCT_UPDATED", second), ("PRODUCT_CREATED", first))
    await happen(("CATEGORY_CREATED", catalog.CategorySnapshot(category_id=7, code="TEA", name="Told last")))
    expected = {"productPrice": "5.00", "specialPrice": "3.00", "categoryName": "Told last"}
    await seen(expected, product_id=2)


async def test_the_shops_own_ids_stand_beside_ours_and_name_what_is_meant(client, happen, load):
    names = {"name": "Lamp", "price": "9.00", "currency": "USD", "stock": 5, "category_ids": (77,)}
    await happen(
        ("CATEGORY_CREATED", catalog.CategorySnapshot(category_id=77, code="HOME > LAMPS", name="Lamps")),
        ("PRODUCT_CREATED", catalog.ProductSnapshot(product_id=700, sku="42", **names)),
        ("PRODUCT_CREATED", catalog.ProductSnapshot(product_id=701, sku="gone", **names)),
        ("PRODUCT_DELETED", catalog.ProductDeleted(product_id=701, sku="gone")),
    )
    pin = {"displayType": "SALE", "mode": "pin", "sku": "42"}
    made = await eventually(
        lambda: client.post("/v1/top-page-displays", json=pin), lambda answer: answer.status_code == 201
    )
    ids = {"productId": 700, "sku": "42", "categoryId": 77, "categoryCode": "HOME > LAMPS"}
    assert ids.items() <= made.json().items()
    found = await client.get("/v1/top-page-displays", params={"productId": "sku:42"})
    assert [item["id"] for item in found.json()["items"]] == [made.json()["id"]]
    shelves = (await client.get("/v1/displays")).json()["shelves"]
    assert ids.items() <= next(shelf["items"][0] for shelf in shelves if shelf["displayType"] == "SALE").items()

    row = {"displayType": "SALE", "rank": 1}
    assert (await load("by-sku", {**row, "sku": "42"}, {**row, "rank": 2, "categoryCode": "HOME > LAMPS"})).json()[
        "rows"
    ] == 2
    for body, message in (
        ({**pin, "sku": "gone"}, "names no product: gone"),
        ({**pin, "productId": 42}, "is the sku of 700, not of productId"),
        ({**pin, "sku": "42", "productId": 701}, "is the sku of 700, not of productId"),
    ):
        refused = await client.post("/v1/top-page-displays", json=body)
        assert (refused.status_code, refused.json()["errors"][0]) == (422, {"field": "body.sku", "message": message})
    refused = await load("by-sku", {**row, "sku": "none"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "body.1.sku")


@pytest.fixture
def copies(database_url):
    """The stock and the price of the copies of some products."""

    async def read(*ids):
        async with await psycopg.AsyncConnection.connect(database_url) as connection:
            query = "SELECT stock, price FROM products WHERE id = ANY(%s) ORDER BY id"
            return await (await connection.execute(query, [list(ids)])).fetchall()

    return read


async def test_a_product_that_becomes_a_parent_is_shown_no_more_until_its_variant_is_deleted(happen, seen):
    tea = catalog.ProductSnapshot(**TEA | {"product_id": 2})
    variant = catalog.ProductSnapshot(**TEA | {"product_id": 3, "parent_id": 2})
    await happen(("PRODUCT_CREATED", tea))
    await seen({"productName": "Tea"}, 2)
    await happen(("PRODUCT_CREATED", variant))
    await seen(None, 2)
    await happen(("PRODUCT_DELETED", catalog.ProductDeleted(product_id=3, sku="tea")))
    await seen({"productName": "Tea"}, 2)


async def test_only_pages_with_a_product_are_composed_anew_and_only_if_it_looks_otherwise(
    client, happen, copies, database_url, load, activate
):
    def shown(product_id, price, **more):
        fields = {**TEA, "product_id": product_id, "sku": str(product_id), "price": price, **more}
        return "PRODUCT_UPDATED", catalog.ProductSnapshot(**fields)

    async def page():
        shelves = (await client.get("/v1/displays", params={"userId": "one"})).json()["shelves"]
        [item] = [item for shelf in shelves for item in shelf["items"] if item["productId"] == 30]
        return item["productPrice"], item["reason"]

    await load("one", {"displayType": "RECOMMENDED", "userId": "one", "rank": 1, "productId": 30})
    await activate("one", 1)
    await happen(shown(30, "4.00", stock=2), shown(31, "4.00"))
    await eventually(lambda: copies(30, 31), lambda found: found == [(2, 4), (5, 4)])
    assert await page() == ("4.00", None)
    with psycopg.connect(database_url) as behind_its_back:
        behind_its_back.execute("UPDATE top_page_displays SET reason = 'anew' WHERE user_id = 'one'")

    await happen(("STOCK_CHANGED", catalog.StockChanged(product_id=30, stock=1)), shown(31, "5.00"))
    await eventually(lambda: copies(30, 31), lambda found: found == [(1, 4), (5, 5)])
    assert await page() == ("4.00", None)  # one piece was sold, and another product has another price

    await happen(shown(30, "6.00", stock=1))
    assert await eventually(page, lambda found: found[0] == "6.00") == ("6.00", "anew")
