import asyncio
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def create(client):
    async def new(sku, **more):
        body = {"sku": sku, "name": f"Product {sku}", "price": "10", "currency": "JPY", **more}
        answer = await client.post("/v1/products", json=body)
        assert answer.status_code == 201, answer.text
        return f"/v1/products/{answer.json()['id']}"

    return new


@pytest.fixture
def prices(client, tokens):
    """To read the prices of a product as an analyst: the answer."""
    headers = {"Authorization": f"Bearer {tokens.user('a1', roles=('analyst',))}"}

    async def read(place, **query):
        return await client.get(f"{place}/prices", params=query, headers=headers)

    return read


@pytest.fixture
def days_ago(database_url):
    """To put the changes of a product so many days back, the first of them first."""

    def move(place, *days):
        with psycopg.connect(database_url) as connection:
            query = "SELECT id FROM price_changes WHERE product_id = %s ORDER BY id"
            ids = [each for (each,) in connection.execute(query, [int(place.rpartition("/")[2])])]
            for each, age in zip(ids, days, strict=True):
                query = "UPDATE price_changes SET changed_at = now() - make_interval(days => %s) WHERE id = %s"
                connection.execute(query, [age, each])

    return move


async def test_every_price_and_offer_is_kept_the_latest_first(client, create, prices):
    place = await create("kept")
    await client.patch(place, json={"price": "12"})
    await client.patch(place, json={"name": "Other", "stock": 3})
    offer = {"price": "8", "startDate": "2026-01-01T00:00:00Z"}
    await client.put(f"{place}/special-price", json=offer)
    await client.delete(f"{place}/special-price")
    items = (await prices(place)).json()["items"]
    assert [(each["price"], each["specialPrice"]) for each in items] == [
        ("12", None), ("12", "8"), ("12", None), ("10", None),
    ]  # fmt: skip
    assert items[1]["startDate"] == offer["startDate"]


async def test_a_change_that_waited_for_another_is_the_later_one(client, create, prices, database_url, somebody_waits):
    place = await create("waited for")
    holder = await psycopg.AsyncConnection.connect(database_url)
    async with holder:
        await holder.execute("SELECT FROM products WHERE sku = 'waited for' FOR UPDATE")
        waiting = asyncio.create_task(client.patch(place, json={"price": "12"}))
        await somebody_waits()
        query = """INSERT INTO price_changes (product_id, changed_at, price, currency)
            VALUES (%s, clock_timestamp(), 11, 'JPY')"""
        await holder.execute(query, [int(place.rpartition("/")[2])])
    assert (await waiting).status_code == 200
    assert [each["price"] for each in (await prices(place)).json()["items"]] == ["12", "11", "10"]


async def test_a_change_deletes_what_no_longer_held_400_days_ago(client, create, prices, days_ago):
    place = await create("passed")
    for price in ("11", "12", "13"):
        await client.patch(place, json={"price": price})
    days_ago(place, 600, 500, 401, 399)
    await client.patch(place, json={"price": "14"})
    assert [each["price"] for each in (await prices(place)).json()["items"]] == ["14", "13", "12"]


async def test_what_counts_for_the_present_offer_stays_however_old_it_is(client, create, prices, days_ago):
    place = await create("old offer")
    for price in ("8", "12"):
        await client.patch(place, json={"price": price})
    start = (datetime.now(UTC) - timedelta(days=500)).isoformat()
    await client.put(f"{place}/special-price", json={"price": "5", "startDate": start})
    days_ago(place, 600, 540, 520, 500)
    await client.patch(place, json={"price": "13"})
    assert [each["price"] for each in (await prices(place)).json()["items"]] == ["13", "12", "12", "8"]
    assert (await client.get(place)).json()["lowestPriceBefore"] == "8"


async def test_prices_page_by_cursor(client, create, prices):
    place = await create("paged")
    for price in ("11", "12"):
        await client.patch(place, json={"price": price})
    first = (await prices(place, limit=2)).json()
    rest = (await prices(place, limit=2, cursor=first["nextCursor"])).json()
    assert [each["price"] for each in first["items"] + rest["items"]] == ["12", "11", "10"]


async def test_only_staff_reads_the_history(client, create, tokens):
    place = await create("secret")
    answer = await client.get(f"{place}/prices", headers={"Authorization": f"Bearer {tokens.user('u1')}"})
    assert answer.status_code == 403


async def test_a_product_that_is_not_there_has_no_history(prices):
    assert (await prices("/v1/products/999999")).status_code == 404


@pytest.fixture
def offer(client):
    """To set an offer that began so many days ago, and ended so many."""

    async def put(place, price, began=0, ended=None):
        now = datetime.now(UTC)
        dates = {"startDate": (now - timedelta(days=began)).isoformat()}
        if ended is not None:
            dates["endDate"] = (now - timedelta(days=ended)).isoformat()
        answer = await client.put(f"{place}/special-price", json={"price": price, **dates})
        assert answer.status_code == 200, answer.text

    return put


@pytest.mark.parametrize(
    ("ages", "lowest"),
    [((50, 20, 0), "10"), ((50, 31, 0), "20"), ((20, 10, 0), "10"), ((70, 60, 0), "20")],
)
async def test_an_offer_shows_the_lowest_price_of_the_30_days_before_it(
    client, create, offer, days_ago, tokens, ages, lowest
):
    place = await create(f"was {ages}")
    await client.patch(place, json={"price": "20"})
    await offer(place, "15")
    days_ago(place, *ages)
    shopper = {"Authorization": f"Bearer {tokens.user('u1')}"}
    assert (await client.get(place, headers=shopper)).json()["lowestPriceBefore"] == lowest


@pytest.mark.parametrize(("began", "ended", "lowest"), [(20, 10, "9"), (50, 40, "20"), (50, 20, "9")])
async def test_an_earlier_offer_counts_while_it_held(client, create, offer, days_ago, began, ended, lowest):
    place = await create(f"offered {began} {ended}", price="20")
    await offer(place, "9", began, ended)
    await offer(place, "19")
    days_ago(place, 70, 60, 0)
    assert (await client.get(place)).json()["lowestPriceBefore"] == lowest


async def test_a_price_ends_where_one_in_another_currency_begins(client, create, offer, days_ago):
    place = await create("abroad for a time")
    for price, currency in (("3", "USD"), ("20", "JPY")):
        await client.patch(place, json={"price": price, "currency": currency})
    await offer(place, "15")
    days_ago(place, 70, 60, 20, 0)
    assert (await client.get(place)).json()["lowestPriceBefore"] == "20"


async def test_without_an_offer_nothing_is_compared(client, create):
    place = await create("plain")
    await client.patch(place, json={"price": "20"})
    assert (await client.get(place)).json()["lowestPriceBefore"] is None
