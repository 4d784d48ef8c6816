"""The order of pins, and the prices that they promise."""

import asyncio
import contextlib
from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import httpx2
import psycopg
import pytest
import pytest_asyncio

from services.catalog import app as catalog_app
from services.catalog.settings import CatalogSettings
from services.common.storage.migrate import migrate
from services.content import queries
from services.content.app import create_app
from services.content.clients import Catalog
from services.content.settings import ContentSettings
from tests.services.gateway.standing_in import served
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")
BEGIN, MIDDLE, END = (f"20{year}-01-01T00:00:00Z" for year in (25, 60, 90))


@pytest.fixture(scope="module")
def settings(broker, tokens, database_url, database):
    """Beside a running catalog."""
    broker.create_topics("auth.v1", "catalog.v1", "content.v1", "erasures.v1", "profile.v1", "dead-letters.v1")
    url = database("catalog")
    migrate("catalog", url)
    running = {"kafka_url": broker.url, **tokens.settings}
    with served(catalog_app.create_app(CatalogSettings(database_url=url, **running))) as address:
        yield ContentSettings(database_url=database_url, catalog_url=address, **running)


@pytest_asyncio.fixture(loop_scope="module")
async def pin(client):
    """To pin something on everyone's RECOMMENDED; it is taken back at the end."""
    made = []

    async def create(product_id, **more):
        body = {"displayType": "RECOMMENDED", "mode": "pin", "productId": product_id, **more}
        answer = await client.post("/v1/top-page-displays", json=body)
        assert answer.status_code == 201, answer.text
        made.append(answer.json()["id"])
        return answer.json()

    yield create
    for display_id in made:
        await client.delete(f"/v1/top-page-displays/{display_id}")


@pytest.fixture
def move(client):
    async def send(pin, after, **headers):
        body = {"after": after and after["id"]}
        return await client.post(f"/v1/top-page-displays/{pin['id']}/move", json=body, headers=headers)

    return send


async def test_pins_of_one_priority_stand_in_the_order_in_which_they_were_made(pin, shelves):
    for product_id in (3, 1, 2):
        await pin(product_id)
    assert (await shelves())["RECOMMENDED"] == [3, 1, 2]


async def test_a_pin_moves_behind_another_or_before_all_in_one_call(pin, move, shelves, events):
    first, second, third = [await pin(each) for each in (1, 2, 3)]
    moved = await move(first, third)
    assert [each["productId"] for each in moved.json()["items"]] == [2, 3, 1]
    assert (await shelves())["RECOMMENDED"] == [2, 3, 1]
    await move(third, None)
    assert (await shelves())["RECOMMENDED"] == [3, 2, 1]
    assert [len(events(f"display:{each['id']}")) for each in (first, second, third)] == [2, 1, 2]


async def test_the_order_of_a_shelf_can_be_read_for_everyone_and_for_one_user(client, pin, move):
    async def order(**wish):
        answer = await client.get("/v1/top-page-displays/pins", params={"displayType": "RECOMMENDED", **wish})
        return [each["productId"] for each in answer.json()["items"]]

    first, second = await pin(1), await pin(2)
    await pin(3, userId="ordered")
    await pin(4, displayType="SALE")
    await pin(5, startDate="2020-01-01T00:00:00Z", endDate=BEGIN)
    assert (await order(), await order(userId="ordered")) == ([1, 2], [3])
    await move(second, None)
    assert await order() == [2, 1]
    await move(first, None)
    assert await order() == [1, 2]


async def test_only_the_first_pins_of_a_shelf_are_read(client, pin, move, monkeypatch):
    for product_id in (1, 2):
        await pin(product_id)
    last = await pin(3)
    monkeypatch.setattr(queries, "MOST_PINS", 2)  # when a shelf could have more, this one had
    read = await client.get("/v1/top-page-displays/pins", params={"displayType": "RECOMMENDED"})
    moved = await move(last, None)
    assert [[each["productId"] for each in answer.json()["items"]] for answer in (read, moved)] == [[1, 2], [3, 1]]


async def test_a_full_shelf_takes_no_pin_until_one_is_ended(client, pin, monkeypatch):
    monkeypatch.setattr(queries, "MOST_PINS", 2)
    first, _ = await pin(1), await pin(2)
    await pin(3, startDate="2020-01-01T00:00:00Z", endDate=BEGIN)  # is over
    hidden, elsewhere = await pin(4, mode="hide"), await pin(5, userId="another")
    body = {"displayType": "RECOMMENDED", "mode": "pin", "productId": 6}
    places = [f"/v1/top-page-displays/{each['id']}" for each in (hidden, elsewhere, first)]

    async def answers():
        yield await client.post("/v1/top-page-displays", json=body)
        yield await client.patch(places[0], json={"mode": "pin"})
        yield await client.patch(places[1], json={"userId": None})

    async for refused in answers():
        assert (refused.status_code, refused.json()["title"]) == (409, "Shelf is full")
        assert "end or remove some" in refused.json()["detail"]
    assert (await client.patch(places[2], json={"reason": "ours"})).status_code == 200
    assert (await client.patch(places[2], json={"endDate": datetime.now(UTC).isoformat()})).status_code == 200
    await pin(6)


async def test_a_pin_moves_past_those_of_another_priority(pin, move, shelves):
    high, low = await pin(1, priority=5), await pin(2)
    await pin(3, priority=5)
    await move(low, high)
    assert (await shelves())["RECOMMENDED"] == [1, 2, 3]
    await move(high, low)
    assert (await shelves())["RECOMMENDED"] == [2, 1, 3]


async def test_a_move_is_in_the_trail_as_the_neighbours_before_and_after(client, pin, move):
    first, second, third, other = [await pin(each, priority=int(each == 1)) for each in (1, 2, 3, 4)]
    for _ in range(2):  # the second time it is there already
        await move(third, None)
    await move(third, second)
    found = (await client.get("/v1/audit", params={"kind": "display", "subject": third["id"]})).json()["items"]
    ends, places = [None, first["id"]], [second["id"], other["id"]]
    assert [(each["change"], each["before"], each["after"]) for each in found[:-1]] == [
        ("MOVED", {"between": ends, "priority": 1}, {"between": places, "priority": 0}),
        ("MOVED", {"between": places, "priority": 0}, {"between": ends, "priority": 1}),
    ]


async def test_a_move_that_cannot_be_is_refused(pin, move):
    ours, other, hidden = await pin(1), await pin(2, displayType="REPURCHASE"), await pin(3, mode="hide")
    elsewhere = await move(ours, other)
    assert (elsewhere.status_code, elsewhere.json()["errors"][0]["field"]) == (422, "body.after")
    assert (await move(hidden, None)).status_code == 409
    assert (await move(ours, None, **{"If-Match": '"9"'})).status_code == 412


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def offered(settings, tokens):
    """A product of catalog at 4.00, with an offer of 3.00 from 2060 until 2090."""
    async with httpx2.AsyncClient(base_url=settings.catalog_url, auth=tokens.as_staff) as catalog:
        product = {"sku": "tea", "name": "Tea", "price": "4.00", "currency": "USD", "stock": 5}
        made = (await catalog.post("/v1/products", json=product)).json()["id"]
        offer = {"price": "3.00", "startDate": MIDDLE, "endDate": END}
        assert (await catalog.put(f"/v1/products/{made}/special-price", json=offer)).status_code == 200
    return made


async def test_what_is_no_product_of_catalogs_is_not_pinned_and_not_hidden(client, pin):
    made, body = await pin(1), {"displayType": "SALE", "mode": "pin", "productId": 999_999}
    for answer in (
        await client.post("/v1/top-page-displays", json=body),
        await client.post("/v1/top-page-displays", json=body | {"mode": "hide"}),
        await client.patch(f"/v1/top-page-displays/{made['id']}", json={"productId": 999_999}),
    ):
        assert (answer.status_code, answer.json()["title"]) == (422, "Unknown product")
        assert answer.json()["errors"] == [{"field": "body.productId", "message": "names no product: 999999"}]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def heard(client, offered, database_url):  # noqa: ARG001 - content runs
    """The same, once content has heard of it and its offer."""

    async def known():
        with psycopg.connect(database_url) as connection:
            return connection.execute("SELECT sku, special_price FROM products WHERE id = %s", [offered]).fetchone()

    await eventually(known, lambda found: found == ("tea", 3))
    return offered


@pytest.fixture
def unheard(heard, database_url):
    """The same as before content heard of it: its copy has another id during one test, because no event comes twice."""
    negate = "UPDATE products SET id = -id WHERE id = %s"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(negate, [heard])
        yield heard
        connection.execute(negate, [-heard])


async def test_catalog_is_asked_about_a_product_of_which_content_has_not_heard_yet(alone, pin, unheard):
    made = await pin(unheard)
    assert made["productId"] == unheard
    body = {"displayType": "SALE", "mode": "pin", "productId": unheard}
    refused = await alone.post("/v1/top-page-displays", json=body)
    assert (refused.status_code, "Retry-After" in refused.headers) == (503, True)
    same = {"productId": unheard, "reason": "New"}
    assert (await alone.patch(f"/v1/top-page-displays/{made['id']}", json=same)).status_code == 200


@pytest.mark.parametrize(
    ("promise", "is_kept"),
    [
        ({"promisedPrice": "3.00"}, True),
        ({"promisedPrice": "3"}, True),
        ({"promisedPrice": "2.99"}, False),
        ({"promisedPrice": "3.00", "startDate": BEGIN, "endDate": MIDDLE}, False),
        ({"promisedPrice": "3.00", "startDate": END}, False),
        ({"promisedPrice": None}, True),
    ],
)
async def test_a_row_promises_only_a_special_price_that_catalog_has_while_it_shows(client, offered, promise, is_kept):
    body = {"displayType": "SALE", "mode": "pin", "productId": offered, "userId": str(uuid4())}
    made = await client.post("/v1/top-page-displays", json=body | promise)
    plain = (await client.post("/v1/top-page-displays", json=body | {"userId": str(uuid4())})).json()
    changed = await client.patch(f"/v1/top-page-displays/{plain['id']}", json=promise)
    if is_kept:
        assert (made.status_code, changed.status_code) == (201, 200)
        price = promise["promisedPrice"] and Decimal(promise["promisedPrice"])
        assert [each.json()["promisedPrice"] and Decimal(each.json()["promisedPrice"]) for each in (made, changed)] == [
            price,
            price,
        ]
    else:
        for answer in (made, changed):
            assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body.promisedPrice")


async def test_a_product_that_catalog_does_not_know_has_no_special_price(client):
    body = {"displayType": "SALE", "mode": "pin", "productId": 999, "promisedPrice": "3.00"}
    assert (await client.post("/v1/top-page-displays", json=body)).status_code == 422


async def test_what_hides_a_product_promises_nothing(client, offered):
    body = {"displayType": "SALE", "mode": "hide", "productId": offered, "promisedPrice": "3.00"}
    assert (await client.post("/v1/top-page-displays", json=body)).json()["errors"][0]["field"] == "body.promisedPrice"


async def test_a_row_shows_only_while_its_promise_holds(pin, heard, shelves):
    await pin(heard, promisedPrice="3.00")
    assert "RECOMMENDED" not in await shelves()  # it holds from 2060 on


@contextlib.asynccontextmanager
async def calling(app, tokens):
    transport = httpx2.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://content", auth=tokens.as_staff) as client,
    ):
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def alone(settings, tokens):
    """The service without catalog."""
    app = create_app(settings.model_copy(update={"catalog_url": "http://127.0.0.1:1"}))
    async with calling(app, tokens) as client:
        yield client


async def test_without_catalog_nothing_can_be_promised_and_all_else_goes_on(alone):
    body = {"displayType": "REPURCHASE", "mode": "pin", "productId": 1}
    refused = await alone.post("/v1/top-page-displays", json=body | {"promisedPrice": "3.00"})
    assert (refused.status_code, "Retry-After" in refused.headers) == (503, True)
    assert (await alone.post("/v1/top-page-displays", json=body)).status_code == 201


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"endDate": MIDDLE}, 200),
        ({"endDate": END, "promisedPrice": "3"}, 200),
        ({"promisedPrice": None}, 200),
        ({"endDate": None}, 503),
        ({"startDate": BEGIN}, 503),
        ({"productId": 2}, 503),
    ],
)
async def test_a_promise_is_shortened_or_taken_back_without_catalog(alone, pin, offered, changes, status):
    made = await pin(offered, promisedPrice="3.00", endDate=END)
    changed = await alone.patch(f"/v1/top-page-displays/{made['id']}", json=changes)
    assert changed.status_code == status, changed.text


class SlowCatalog(Catalog):
    """Answers when it may."""

    asked, may_answer = 0, asyncio.Event()

    async def offer(self, product_id, authorization):
        self.asked += 1
        await self.may_answer.wait()
        return await super().offer(product_id, authorization)


async def test_a_slow_catalog_holds_no_connection_that_pages_need(settings, tokens, pin, heard):
    place = f"/v1/top-page-displays/{(await pin(heard))['id']}"
    app = create_app(settings.model_copy(update={"database_pool_size": 1}))  # and one more for a moment
    catalog = app.state.catalog = SlowCatalog(app.state.catalog._client)

    async def asked():
        return catalog.asked

    async with calling(app, tokens) as narrow:
        body = {"displayType": "DAILY_DEAL", "mode": "pin", "sku": "tea", "promisedPrice": "3.00"}
        asking = [
            asyncio.create_task(narrow.post("/v1/top-page-displays", json=body)),
            asyncio.create_task(narrow.patch(place, json={"promisedPrice": "3.00"})),
        ]
        await eventually(asked, lambda count: count == len(asking))
        page = await narrow.get("/v1/displays")
        catalog.may_answer.set()
        assert (page.status_code, [(await each).status_code for each in asking]) == (200, [201, 200])
