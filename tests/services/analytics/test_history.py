from functools import partial

import psycopg
import pytest

from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


def viewed(user_id, product_id, **more):
    return {"actionType": "PRODUCT_VIEWED", "userId": user_id, "productId": product_id, **more}


async def send(client, headers, *actions):
    response = await client.post("/v1/actions", json={"actions": actions}, headers=headers)
    assert response.status_code == 202, response.text


async def recorded(client, headers, user_id, what):
    return (await client.get(f"/v1/users/{user_id}/{what}", headers=headers)).json()["items"]


async def popular(client, **asked):
    return (await client.get("/v1/products/popular", params=asked)).json()["items"]


async def test_views_and_actions_come_to_their_tables_and_page_by_cursor(client, as_service, as_user):
    views = [viewed("h1", number, timestamp=f"2026-01-0{number}T00:00:00Z") for number in (1, 2, 3)]
    search = {"actionType": "SEARCH_BY_KEYWORD", "userId": "h1", "searchKeyword": "tea", "requestID": "r-1"}
    await send(client, as_service, *views, search)

    async def first_page():
        return (await client.get("/v1/users/h1/views?limit=2", headers=as_user("h1"))).json()

    first = await eventually(first_page, lambda page: len(page["items"]) == 2 and page["nextCursor"])
    second = (
        await client.get(f"/v1/users/h1/views?limit=2&cursor={first['nextCursor']}", headers=as_user("h1"))
    ).json()
    assert [item["productId"] for item in first["items"] + second["items"]] == [3, 2, 1]
    assert second["nextCursor"] is None

    async def actions():
        return (await client.get("/v1/users/h1/actions", headers=as_user("h1"))).json()["items"]

    (action,) = await eventually(actions, bool)
    assert isinstance(action["id"], int)
    assert (action["actionType"], action["searchKeyword"], action["requestID"]) == (
        "SEARCH_BY_KEYWORD",
        "tea",
        "r-1",
    )


async def test_nobody_but_the_owner_staff_and_the_export_sees_a_history(client, nobody, as_user, as_staff, tokens):
    path = "/v1/users/h2/views"
    assert (await nobody.get(path)).status_code == 401
    assert (await client.get(path, headers=as_user("h3"))).status_code == 403
    assert (await client.get(path, headers=as_user("h2"))).status_code == 200
    assert (await client.get(path, headers=as_staff)).status_code == 200
    as_profile = tokens.header(tokens.service("profile", "analytics"))
    assert (await client.get(path, headers=as_profile)).status_code == 200


async def test_a_foreign_cursor_is_refused(client, as_user):
    response = await client.get("/v1/users/h2/views?cursor=abc", headers=as_user("h2"))
    assert response.status_code == 422
    assert response.json()["errors"] == [{"field": "query.cursor", "message": "Not a cursor of this list"}]


async def test_popular_counts_people_and_neither_bots_nor_simulated_shoppers(
    client, as_service, as_staff, database_url
):
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO products (id, sku, is_deleted) SELECT id, id, false FROM generate_series(501, 504) id"
        )
    cart = {"actionType": "CART_ADD", "userId": "p3", "productId": 501, "quantity": 1}
    bots = [viewed(f"bot{number}", 502, isBot=True) for number in range(9)]
    simulated = [viewed("s1", 501, simulated=True), {**cart, "userId": "s2", "simulated": True}]
    await send(client, as_service, viewed("p1", 501), viewed("p1", 501), viewed("p2", 501), cart, *bots, *simulated)
    await send(client, as_service, viewed("p1", 503))

    await eventually(lambda: recorded(client, as_staff, "p1", "views"), lambda items: len(items) == 3)
    for user, what in (("p2", "views"), ("bot8", "views"), ("s1", "views"), ("p3", "actions"), ("s2", "actions")):
        await eventually(partial(recorded, client, as_staff, user, what), bool)

    found = {item["productId"]: item for item in await popular(client, days=1, limit=90)}
    assert found[501] == {"productId": 501, "sku": "501", "users": 3, "views": 3, "cartAdds": 1}
    assert 502 not in found

    await send(client, as_service, *[viewed(f"p{number}", 504) for number in range(9)])
    await eventually(lambda: recorded(client, as_staff, "p8", "views"), bool)
    assert await popular(client, days=1, limit=1) == [found[501]]  # computed once for all limits


async def test_popularity_is_told_for_few_windows(client):
    assert (await client.get("/v1/products/popular?days=8")).status_code == 422
    assert (await client.get("/v1/products/popular?days=30")).json()["days"] == 30
