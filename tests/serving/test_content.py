"""The page with the real content service behind it."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx2
import psycopg
import pytest
import pytest_asyncio

from services.common.runtime.http_client import ServiceClient
from services.common.storage.migrate import migrate
from services.content.app import create_app as create_content
from services.content.settings import ContentSettings
from tests.ml.tiny_bundle import BUYER, MILK, RICE, TEA
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")
NEW = 900


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def content(database, settings, tokens):
    """The content service, which knows of some products; it ends after serving, which asks it until its own end."""
    url = database("content")
    migrate("content", url)
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO products (id) SELECT unnest(%s::integer[])", [[TEA, RICE, MILK]])
    content = create_content(
        ContentSettings(
            database_url=url,
            kafka_url=settings.kafka_url,
            **tokens.settings,
        )
    )
    async with content.router.lifespan_context(content):
        yield httpx2.ASGITransport(content)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(content, app):
    """Serving, which asks this content."""
    app.state.merchandising.content = ServiceClient("content", "http://content", timeout=5, transport=content)
    return app


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def merchandiser(content, tokens, happens):
    """A client of content as a merchandiser; content knows of tea and rice."""
    for product_id, name, price in ((TEA, "Tea", "3.50"), (RICE, "Rice", "6.50")):
        await happens(
            "PRODUCT_CREATED",
            product_id=product_id,
            sku=str(product_id),
            name=name,
            price=Decimal(price),
            currency="USD",
            stock=5,
        )
    async with httpx2.AsyncClient(transport=content, base_url="http://content", auth=tokens.as_staff) as client:
        yield client


@pytest.fixture
def say(merchandiser):
    """Says something about a product."""

    async def said(mode, product_id, **fields):
        row = {"displayType": "RECOMMENDED", "mode": mode, "productId": product_id, **fields}
        answer = await merchandiser.post("/v1/top-page-displays", json=row)
        assert answer.status_code == 201, answer.text

    return said


@pytest.fixture
def page(client, as_user):
    async def ask():
        answer = (await client.post("/v1/pages", json={}, headers=as_user(BUYER))).json()
        assert "CONTENT_AWAY" not in answer["warnings"]
        return answer

    return ask


def items(page, display_type):
    [shelf] = [shelf for shelf in page["shelves"] if shelf["displayType"] == display_type]
    return {item["productId"]: item for item in shelf["items"]}


async def test_what_merchandisers_say_wins_on_the_live_page(page, say, happens):
    await say("hide", MILK)
    await say("pin", RICE, displayType="SALE")
    offer = {"special_price": Decimal("0.70"), "currency": "USD", "start_date": "2026-01-01T00:00:00Z"}
    await happens("SPECIAL_PRICE_SET", product_id=RICE, offer_version=1, **offer)

    def is_followed(found):
        return RICE in (sale := items(found, "SALE")) and sale[RICE]["specialPrice"] == "0.70"

    found = await eventually(page, is_followed)
    everything = [item["productId"] for shelf in found["shelves"] for item in shelf["items"]]
    assert MILK not in everything
    assert next(iter(items(found, "SALE"))) == RICE
    assert items(found, "SALE")[RICE]["source"] == "manual"
    assert everything.count(RICE) == 1


async def test_the_active_generation_fills_the_shelf_that_falls_short(merchandiser, page, tokens):
    service = {"Authorization": f"Bearer {tokens.service('pipelines', 'content')}"}
    fields = {"productId": NEW, "productName": "New", "productPrice": "4.50", "currency": "USD", "reason": "Again"}
    row = json.dumps({"displayType": "REPURCHASE", "userId": BUYER, "rank": 1, **fields})
    new = {"generation": "g-content", "bundle": "b1"}
    assert (await merchandiser.post("/v1/generations", json=new, headers=service)).status_code == 201
    loaded = await merchandiser.put(
        "/v1/generations/g-content/rows", content=row, headers=service | {"Content-Type": "application/x-ndjson"}
    )
    assert loaded.status_code == 200, loaded.text
    activated = await merchandiser.post("/v1/generations/g-content/activate", json={"rows": 1}, headers=service)
    assert activated.status_code == 200, activated.text

    found = await eventually(page, lambda found: found["generation"] == "g-content")

    assert NEW in items(found, "REPURCHASE")


async def test_merchandisers_see_the_page_of_a_shopper_at_a_time_and_why_each_thing_is_there(
    merchandiser, client, tokens
):
    start, end = (datetime.now(UTC) + timedelta(days=each) for each in (7, 14))
    dates = {"startDate": start.isoformat(), "endDate": end.isoformat()}
    campaign = (await merchandiser.post("/v1/campaigns", json={"name": "Tea week", **dates})).json()
    pin = {"displayType": "REPURCHASE", "mode": "pin", "productId": TEA, "userId": BUYER, "reason": "For you"}
    pinned = (await merchandiser.post("/v1/top-page-displays", json=pin | {"campaignId": campaign["id"]})).json()
    banner = {"placement": "TOP", "texts": {"en": {"title": "Tea"}}, "campaignId": campaign["id"]}
    announced = (await merchandiser.post("/v1/banners", json=banner)).json()
    staff = tokens.header(tokens.staff())

    def seen(at, user_id=BUYER):
        return client.get("/v1/preview", params={"userId": user_id, "at": at}, headers=staff)

    during = (await seen((start + timedelta(days=1)).isoformat())).json()
    first = next(iter(items(during, "REPURCHASE").values()))
    why = {name: first[name] for name in ("productId", "source", "reason", "displayId")}
    assert why == {"productId": TEA, "source": "manual", "reason": "For you", "displayId": pinned["id"]}
    assert [each["productId"] for each in during["hidden"]] == [MILK]
    assert ([each["id"] for each in during["banners"]], during["campaigns"][0]["name"]) == (
        [announced["id"]],
        "Tea week",
    )
    stranger = (await seen(start.isoformat(), "somebody")).json()
    everyones = (await client.get("/v1/preview", headers=staff)).json()
    assert [each["isKnown"] for each in (during, stranger, everyones)] == [True, False, None]
    for other in (await seen(end.isoformat()), await seen((start + timedelta(days=1)).isoformat(), "somebody")):
        assert TEA not in items(other.json(), "REPURCHASE")


async def test_a_preview_of_now_is_the_page_that_the_shopper_gets(client, page, tokens):
    answer = await client.get("/v1/preview", params={"userId": BUYER}, headers=tokens.header(tokens.staff()))
    own, seen = await page(), answer.json()
    assert {name: seen[name] for name in own if name != "recommendationId"} == {
        name: own[name] for name in own if name != "recommendationId"
    }


async def test_a_preview_is_for_merchandisers_and_of_no_time_in_the_past(client, as_user, tokens):
    past = {"at": "2026-01-01T00:00:00Z"}
    refused = await client.get("/v1/preview", params=past, headers=tokens.header(tokens.staff()))
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "query.at")
    assert (await client.get("/v1/preview", headers=as_user(BUYER))).status_code == 403


async def test_it_is_logged_who_sees_the_page_of_a_person(client, tokens, caplog):
    caplog.set_level("INFO", "serving.api_preview")
    for params in ({"userId": BUYER}, {}):
        await client.get("/v1/preview", params=params, headers=tokens.header(tokens.staff()))
    said = [record.getMessage() for record in caplog.records if record.name == "serving.api_preview"]
    assert said == [f"user:staff sees the page of {BUYER}"]


async def test_an_offer_that_begins_later_is_in_the_preview_of_then(client, happens, tokens):
    start = datetime.now(UTC) + timedelta(days=2)
    offer = {"special_price": Decimal("1.00"), "currency": "USD", "start_date": start.isoformat()}
    await happens("SPECIAL_PRICE_SET", product_id=RICE, offer_version=2, **offer)

    async def price(days):
        at = (datetime.now(UTC) + timedelta(days=days)).isoformat()
        answer = await client.get("/v1/preview", params={"at": at}, headers=tokens.header(tokens.staff()))
        return items(answer.json(), "SALE")[RICE]["specialPrice"]

    await eventually(lambda: price(3), lambda found: found == "1.00")
    assert await price(1) is None
