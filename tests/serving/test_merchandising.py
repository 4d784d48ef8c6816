"""What merchandisers say to everyone holds on the routes too that ask content nothing."""

from decimal import Decimal

import pytest

from serving.merchandising import MISSES
from tests.ml.tiny_bundle import BREAD, EMPTY, MILK, RICE, TEA

pytestmark = pytest.mark.asyncio(loop_scope="module")
PIN = {"productId": RICE, "source": "manual", "reason": "Try it", "specialPrice": "2.50"}


@pytest.fixture
def say(content_service, app):
    async def said(**what):
        content_service.says |= what
        await app.state.merchandising.refresh()

    return said


@pytest.fixture
def items(client):
    async def ask(path):
        answer = await client.get(path)
        assert answer.status_code == 200
        return {item["productId"]: item for item in answer.json()["items"]}

    return ask


async def test_a_hidden_product_is_neither_recommended_nor_similar(say, items):
    await say(hidden=[BREAD])

    assert BREAD not in await items("/v1/users/newcomer/recommendations")
    assert list(await items(f"/v1/products/{MILK}/similar")) == [RICE]


async def test_a_pinned_product_stands_first_on_its_shelf(say, items):
    await say(shelves=[{"displayType": "RECOMMENDED", "items": [PIN]}])

    found = await items("/v1/users/newcomer/recommendations?limit=2")

    assert list(found) == [RICE, MILK]
    rice = found[RICE]
    assert (rice["source"], rice["reason"]) == ("manual", "Try it")


async def test_a_pinned_product_has_the_price_that_catalog_says(say, items):
    pins = [PIN, PIN | {"productId": TEA, "specialPrice": None}]
    await say(shelves=[{"displayType": "RECOMMENDED", "items": pins}])

    found = await items("/v1/users/newcomer/recommendations")

    assert found[RICE]["product"]["specialPrice"] is None
    assert Decimal(found[TEA]["product"]["specialPrice"]) == 2


@pytest.mark.parametrize("query", ["categoryId=11", "priceMax=2", f"excludeIds={RICE}", "shelf=SALE"])
async def test_a_pinned_product_stands_only_where_it_is_asked_for(say, items, query):
    await say(shelves=[{"displayType": "RECOMMENDED", "items": [PIN]}])

    assert RICE not in await items(f"/v1/users/newcomer/recommendations?{query}")


@pytest.mark.parametrize(("query", "stands"), [("", False), ("?inStock=true", False), ("?inStock=false", True)])
async def test_a_pinned_product_that_is_sold_out_stands_only_where_that_is_asked_for(say, items, query, stands):
    pin = PIN | {"productId": EMPTY}
    await say(shelves=[{"displayType": "RECOMMENDED", "items": [pin]}])

    assert (EMPTY in await items(f"/v1/users/newcomer/recommendations{query}")) is stands


async def test_while_content_is_silent_its_last_word_holds_and_answers_are_degraded(say, client, content_service, app):
    await say(hidden=[BREAD], shelves=[{"displayType": "RECOMMENDED", "items": [PIN]}])
    content_service.says = None
    for _ in range(MISSES):
        await app.state.merchandising.refresh()

    answer = (await client.get("/v1/users/newcomer/recommendations")).json()

    assert answer["warnings"] == ["CONTENT_AWAY"]
    found = {item["productId"] for item in answer["items"]}
    assert (BREAD in found, RICE in found) == (False, True)


@pytest.mark.parametrize(
    "garbage",
    [
        {"hidden": ["7"], "shelves": None},
        {"hidden": [2**70]},
        {"shelves": [{"displayType": "RECOMMENDED", "items": [PIN | {"productId": [7]}]}]},
        {"shelves": [{"displayType": "RECOMMENDED", "items": [PIN | {"specialPrice": "much"}]}]},
        {"shelves": [{"displayType": "RECOMMENDED", "items": [PIN | {"categoryId": 2**70}]}]},
    ],
)
async def test_what_content_must_not_say_counts_as_silence(say, client, content_service, garbage):
    await say(hidden=[BREAD])
    content_service.says |= garbage
    answer = await client.post("/v1/pages", json={"userId": "newcomer"})
    assert (answer.status_code, answer.json()["degraded"]) == (200, True)
    assert BREAD not in [item["productId"] for shelf in answer.json()["shelves"] for item in shelf["items"]]


async def test_without_content_the_preview_says_that_what_is_planned_is_missing(client, content_service, tokens):
    content_service.says = None
    answer = (await client.get("/v1/preview", headers=tokens.header(tokens.staff()))).json()
    assert (answer["degraded"], answer["warnings"], answer["banners"]) == (True, ["CONTENT_AWAY"], [])
