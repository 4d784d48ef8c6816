import pytest

from tests.ml.tiny_bundle import BREAD, BUYER, EMPTY, JAM, MILK, RICE, SOAP, TEA

pytestmark = pytest.mark.asyncio(loop_scope="module")


def ids(answer):
    return [item["productId"] for item in answer.json()["items"]]


async def test_a_user_gets_what_is_new_to_them_with_reasons(client, as_user):
    answer = await client.get(f"/v1/users/{BUYER}/recommendations", headers=as_user(BUYER))

    assert answer.status_code == 200
    document = answer.json()
    assert set(ids(answer)) == {TEA, JAM, RICE, SOAP}
    assert document["modelVersion"] == "b1"
    assert document["generation"] == "g-b1"
    assert (document["degraded"], document["warnings"]) == (False, [])
    assert document["items"][0]["rank"] == 1
    assert document["items"][0]["product"]["productName"] in {"Tea", "Jam"}


async def test_a_shelf_can_be_asked_for(client, as_user):
    answer = await client.get(f"/v1/users/{BUYER}/recommendations?shelf=REPURCHASE", headers=as_user(BUYER))

    assert ids(answer) == [MILK, BREAD]


async def test_a_visitor_needs_no_token_and_gets_what_is_popular(client):
    answer = await client.get("/v1/users/newcomer/recommendations?limit=3")

    assert ids(answer) == [MILK, BREAD, TEA]
    assert answer.json()["fallbackUsed"] is True


async def test_filters_narrow_the_answer(client):
    query = "excludeIds=101&excludeIds=102&categoryId=11&categoryId=13&categoryId=14&priceMin=3.50&priceMax=4.00"
    answer = await client.get(f"/v1/users/newcomer/recommendations?{query}")

    assert ids(answer) == [TEA]


async def test_sold_out_products_come_only_when_asked_for(client):
    answer = await client.get("/v1/users/newcomer/recommendations?inStock=false&categoryId=13")

    assert ids(answer) == [TEA, EMPTY]


async def test_each_answer_has_an_id_of_its_own_and_the_same_etag(client):
    first = await client.get("/v1/users/newcomer/recommendations")
    second = await client.get("/v1/users/newcomer/recommendations")

    assert first.json()["recommendationId"] != second.json()["recommendationId"]
    assert first.headers["etag"] == second.headers["etag"]
    assert first.headers["cache-control"].startswith("private, max-age")


async def test_an_unchanged_answer_is_not_sent_again(client):
    first = await client.get("/v1/users/newcomer/recommendations")

    second = await client.get("/v1/users/newcomer/recommendations", headers={"If-None-Match": first.headers["etag"]})

    assert (second.status_code, second.content) == (304, b"")


async def test_a_users_answer_needs_their_token(nobody):
    assert (await nobody.get(f"/v1/users/{BUYER}/recommendations")).status_code == 401


async def test_another_users_answer_is_refused(client, as_user):
    answer = await client.get(f"/v1/users/{BUYER}/recommendations", headers=as_user("8"))

    assert answer.status_code == 403


async def test_a_service_is_no_shopper(client, tokens):
    headers = tokens.header(tokens.service("operator", "serving"))
    answer = await client.get(f"/v1/users/{BUYER}/recommendations", headers=headers)

    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("shelf=BARGAIN", "query.shelf"),
        ("limit=0", "query.limit"),
        ("limit=101", "query.limit"),
        ("priceMin=cheap", "query.priceMin"),
        ("excludeIds=x", "query.excludeIds.0"),
        ("colour=red", "query.colour"),
    ],
)
async def test_a_bad_parameter_is_named(client, query, field):
    answer = await client.get(f"/v1/users/newcomer/recommendations?{query}")

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [fault["field"] for fault in answer.json()["errors"]] == [field]


async def test_a_price_range_upside_down_is_refused(client):
    answer = await client.get("/v1/users/newcomer/recommendations?priceMin=5&priceMax=1")

    assert answer.status_code == 422


async def test_similar_products_are_those_bought_by_the_same_shoppers(client):
    answer = await client.get(f"/v1/products/{MILK}/similar")

    assert ids(answer) == [BREAD, RICE]
    assert answer.json()["items"][0]["reason"] == "Shoppers who buy Milk also buy this"


async def test_a_product_without_neighbours_falls_back_to_its_category(client):
    answer = await client.get(f"/v1/products/{EMPTY}/similar")

    assert ids(answer) == [TEA]
    assert answer.json()["fallbackUsed"] is True


async def test_nothing_is_like_a_product_that_nobody_knows(client):
    answer = await client.get("/v1/products/999999/similar")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/v1/users/newcomer/recommendations", f"/v1/products/{MILK}/similar", "/v1/pages"])
async def test_an_answer_has_one_moment(client, app, monkeypatch, path):
    moments, recommender = [], app.state.recommender
    now = recommender.now
    monkeypatch.setattr(recommender, "now", lambda: moments.append(now()) or moments[-1])

    if path == "/v1/pages":
        await client.post(path, json={"userId": "newcomer"})
    else:
        await client.get(path)

    assert len(moments) == 1


@pytest.mark.parametrize(("role", "status"), [("operator", 200), ("merchandiser", 403)])
async def test_which_bundle_answers_is_told_to_operators(client, tokens, role, status):
    headers = {"Authorization": f"Bearer {tokens.user('o', roles=(role,))}"}

    assert (await client.get("/v1/models", headers=headers)).status_code == status
    assert (await client.get("/v1/models")).status_code == 401


async def test_answers_bear_the_shops_own_ids_and_take_them(client, as_user):
    own = "sku:M%2F1"  # MILK
    similar = (await client.get(f"/v1/products/{own}/similar")).json()["items"]
    assert [item["sku"] for item in similar] == ["B/2", "R/6"]
    assert (similar[0]["product"]["sku"], similar[0]["product"]["categoryCode"]) == ("B/2", "BREAD")
    without = await client.get(f"/v1/products/{own}/similar", params={"excludeIds": "sku:B/2", "limit": 1})
    assert [item["sku"] for item in without.json()["items"]] == ["R/6"]

    path = f"/v1/users/{BUYER}/recommendations"
    for named, ours in (("code:BREAD", 12), ("code:none", 999_999)):
        answers = [
            await client.get(path, params={"categoryId": each}, headers=as_user(BUYER)) for each in (named, ours)
        ]
        assert answers[0].json()["items"] == answers[1].json()["items"]
    page = await client.post("/v1/pages", json={"excludeIds": [BREAD, "sku:M/1"]}, headers=as_user(BUYER))
    shown = {item["sku"] for shelf in page.json()["shelves"] for item in shelf["items"]}
    assert shown
    assert shown.isdisjoint({"M/1", "B/2"})


async def test_a_sku_that_nobody_knows_is_not_found_by_its_name(client):
    answer = await client.get("/v1/products/sku:101/similar")
    assert (answer.status_code, answer.json()["detail"]) == (404, "There is no product sku:101.")
