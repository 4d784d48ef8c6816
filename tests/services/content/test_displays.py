import httpx2
import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="module")

VISITOR = "anon:0198f2c4-8f5e-7c3a-9d41-5b8f0e6a7c21"


def row(product_id, rank, user_id=None, shelf="RECOMMENDED"):
    return {"displayType": shelf, "userId": user_id, "rank": rank, "productId": product_id, "productPrice": "4.00"}


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def generation(load, activate):
    await load("g1", row(1, 1), row(2, 2), row(3, 1, "u1"), row(4, 1, shelf="REPURCHASE"))
    await activate("g1", 4)


@pytest_asyncio.fixture(loop_scope="module")
async def say(client):
    """Makes a manual row, and takes it back at the end."""
    made = []

    async def create(mode, product_id, shelf="RECOMMENDED", **more):
        body = {"displayType": shelf, "mode": mode, "productId": product_id, **more}
        answer = await client.post("/v1/top-page-displays", json=body)
        assert answer.status_code == 201, answer.text
        made.append(answer.json()["id"])
        return answer.json()

    yield create
    for display_id in made:
        await client.delete(f"/v1/top-page-displays/{display_id}")


async def test_a_user_sees_their_own_rows_and_everyones_where_they_have_none(shelves):
    assert await shelves("u1") == {"REPURCHASE": [4], "RECOMMENDED": [3]}
    assert await shelves("u2") == await shelves() == {"REPURCHASE": [4], "RECOMMENDED": [1, 2]}


async def test_a_pin_is_seen_at_once_and_gone_at_once(client, shelves, say, events):
    pin = await say("pin", 9)
    assert (await shelves())["RECOMMENDED"] == [9, 1, 2]
    await client.patch(f"/v1/top-page-displays/{pin['id']}", json={"displayType": "REPURCHASE"})
    assert await shelves() == {"REPURCHASE": [9, 4], "RECOMMENDED": [1, 2]}
    await client.delete(f"/v1/top-page-displays/{pin['id']}")
    assert await shelves() == {"REPURCHASE": [4], "RECOMMENDED": [1, 2]}
    told = [data["change"] for _, data in events(f"display:{pin['id']}")]
    assert told == ["CREATED", "UPDATED", "DELETED"]


async def test_a_hidden_product_is_told_to_whoever_composes_pages(client, shelves, say):
    await say("hide", 1)
    assert (await shelves())["RECOMMENDED"] == [2]
    told = (await client.get("/v1/displays")).json()
    assert (told["hidden"], told["hiddenSkus"]) == ([1], [None])


async def test_the_public_is_not_told_what_is_hidden(client, say, tokens):
    await say("hide", 1)
    callers = [None, tokens.user("u1"), tokens.service("serving", "content")]
    async with httpx2.AsyncClient(transport=client._transport, base_url="http://content") as anybody:
        for user_id, known in ((None, [None, None, [1]]), ("u1", [None, [1]])):
            told = [
                (
                    await anybody.get(
                        "/v1/displays",
                        params={"userId": user_id} if user_id else {},
                        headers=tokens.header(token) if token else {},
                    )
                ).json()
                for token in callers[-len(known) :]
            ]
            assert [each["hidden"] for each in told] == known
            assert [each["hiddenSkus"] is None for each in told] == [each is None for each in known]


async def test_a_row_for_one_user_is_not_everyones(shelves, say):
    await say("hide", 4, userId="u1")
    assert ("REPURCHASE" in await shelves("u1"), "REPURCHASE" in await shelves("u2")) == (False, True)


async def test_an_inactive_row_says_nothing(shelves, say):
    await say("hide", 1, isActive=False)
    assert (await shelves())["RECOMMENDED"] == [1, 2]


@pytest.mark.parametrize(
    ("first", "second", "is_refused"),
    [
        ({"mode": "pin"}, {"mode": "pin", "reason": "Another one"}, True),
        (
            {"mode": "pin", "endDate": "2090-01-01T00:00:00Z"},
            {"mode": "pin", "startDate": "2080-01-01T00:00:00Z"},
            True,
        ),
        (
            {"mode": "pin", "endDate": "2090-01-01T00:00:00Z"},
            {"mode": "pin", "startDate": "2090-01-01T00:00:00Z"},
            False,
        ),
        (
            {"mode": "pin", "startDate": "2090-01-01T00:00:00Z"},
            {"mode": "pin", "endDate": "2090-01-01T00:00:00Z"},
            False,
        ),
        ({"mode": "pin"}, {"mode": "pin", "displayType": "SALE"}, False),
        ({"mode": "hide"}, {"mode": "hide", "displayType": "SALE"}, True),
        ({"mode": "pin"}, {"mode": "hide"}, False),
        ({"mode": "pin"}, {"mode": "pin", "userId": "u1"}, False),
        ({"mode": "pin", "userId": "u1"}, {"mode": "pin", "userId": "u1"}, True),
        ({"mode": "pin"}, {"mode": "pin", "priority": 1}, False),
        ({"mode": "pin"}, {"mode": "pin", "productId": 10}, False),
        ({"mode": "pin", "isActive": False}, {"mode": "pin"}, False),
    ],
)
async def test_the_same_is_decided_once_at_a_time(client, say, first, second, is_refused):
    made = await say(**{"product_id": 9, **first})
    body = {"displayType": "RECOMMENDED", "productId": 9, **second}
    answer = await client.post("/v1/top-page-displays", json=body)
    if is_refused:
        assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json")
        assert answer.json()["title"] == "Already decided"
        assert answer.json()["detail"].startswith(f"Row {made['id']} ")
    else:
        assert answer.status_code == 201
        await client.delete(f"/v1/top-page-displays/{answer.json()['id']}")


async def test_a_change_makes_no_row_the_same_as_another(client, say):
    ours = await say("pin", 9, priority=1)
    paused = await say("pin", 9, isActive=False)
    await say("pin", 9)
    for row, changes in ((ours, {"priority": 0}), (paused, {"isActive": True})):
        place = f"/v1/top-page-displays/{row['id']}"
        assert (await client.patch(place, json=changes)).json()["title"] == "Already decided"
        assert (await client.patch(place, json={"reason": "Ours"})).status_code == 200


async def test_a_change_without_a_difference_is_not_told(client, say, events):
    pin = await say("pin", 9, priority=3)
    await client.patch(f"/v1/top-page-displays/{pin['id']}", json={"priority": 3})
    assert len(events(f"display:{pin['id']}")) == 1


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"startDate": "2026-01-02T00:00:00Z", "endDate": "2026-01-02T00:00:00Z"}, "body.endDate"),
        ({"productId": 2**63}, "body.productId"),
        ({"reason": "a\0b"}, "body.reason"),
        ({"mode": None}, "body.mode"),
        ({"colour": "red"}, "body.colour"),
    ],
)
async def test_a_bad_value_is_refused_by_name(client, more, field):
    body = {"displayType": "SALE", "mode": "pin", "productId": 1, **more}
    answer = await client.post("/v1/top-page-displays", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


@pytest.mark.parametrize(("field", "value"), [("mode", "price"), ("specialPrice", "2.50"), ("specialPrice", None)])
async def test_a_price_is_refused_with_where_it_is_set(client, say, field, value):
    row, change = {"displayType": "SALE", "mode": "pin", "productId": 9}, {field: value}
    address = f"/v1/top-page-displays/{(await say('pin', 9))['id']}"
    for answer in (
        await client.post("/v1/top-page-displays", json={**row, **change}),
        await client.patch(address, json=change),
    ):
        [fault] = answer.json()["errors"]
        assert (answer.status_code, fault["field"]) == (422, f"body.{field}")
        assert fault["message"].endswith("set in catalog: PUT /v1/products/{productId}/special-price")


async def test_manual_rows_are_listed_by_product_and_shelf_and_page_by_cursor(client, say):
    places = enumerate(("SALE", "RECOMMENDED", "SALE"))
    made = [(await say("pin", 7, shelf, priority=priority))["id"] for priority, shelf in places]
    first = (await client.get("/v1/top-page-displays", params={"productId": 7, "limit": 2})).json()
    rest = (await client.get("/v1/top-page-displays", params={"productId": 7, "cursor": first["nextCursor"]})).json()
    assert [each["id"] for each in first["items"] + rest["items"]] == made
    sale = (await client.get("/v1/top-page-displays", params={"productId": 7, "displayType": "SALE"})).json()
    assert [each["id"] for each in sale["items"]] == [made[0], made[2]]


async def test_a_models_row_is_no_merchandisers(client):
    assert (await client.get("/v1/top-page-displays/1")).status_code == 404
    assert (await client.delete("/v1/top-page-displays/1")).status_code == 404


async def test_what_one_shopper_sees_is_kept_by_nobody_on_the_way(client):
    answer = await client.get("/v1/displays", params={"userId": "u1"})
    assert answer.headers["Cache-Control"] == "private, no-store"


async def test_a_customers_shelves_are_for_the_customer_and_a_visitors_for_the_visitor(client, tokens):
    asked = [
        ("u1", None, 401),
        ("u1", tokens.user("u2"), 403),
        ("u1", tokens.user("u1"), 200),
        ("u1", tokens.user("m1", roles=("merchandiser",)), 200),
        ("u1", tokens.service("serving", "content"), 200),
        (VISITOR, None, 401),
        (VISITOR, tokens.visitor(VISITOR), 200),
        (None, None, 200),
    ]
    async with httpx2.AsyncClient(transport=client._transport, base_url="http://content") as anybody:
        for user_id, token, status in asked:
            answer = await anybody.get(
                "/v1/displays",
                params={"userId": user_id} if user_id else {},
                headers=tokens.header(token) if token else {},
            )
            assert answer.status_code == status
