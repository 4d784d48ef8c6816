import asyncio

import pytest

from services.catalog import service
from services.catalog.categories import categories
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_category_takes_its_place_from_its_code(client, events):
    root = (await client.post("/v1/categories", json={"code": "WEAR"})).json()
    shoes = (await client.post("/v1/categories", json={"code": "WEAR > SHOES", "name": "Shoes"})).json()
    assert (shoes["parentId"], shoes["level"], root["level"]) == (root["id"], 2, 1)
    kind, data = events(f"category:{shoes['id']}")[0]
    assert (kind, data["name"], data["parentId"]) == ("CATEGORY_CREATED", "Shoes", root["id"])


async def test_a_category_below_nothing_is_refused_by_name(client):
    answer = await client.post("/v1/categories", json={"code": "NOWHERE > SHOES"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body.code")


async def test_a_code_names_one_category(client):
    await client.post("/v1/categories", json={"code": "ONCE"})
    assert (await client.post("/v1/categories", json={"code": "ONCE"})).status_code == 409


async def test_a_renamed_category_is_told_and_its_old_name_is_free(client, events):
    old = (await client.post("/v1/categories", json={"code": "OLD"})).json()
    answer = await client.patch(f"/v1/categories/{old['id']}", json={"name": "Vintage"})
    told = [(kind, data["categoryVersion"]) for kind, data in events(f"category:{old['id']}")]
    assert (answer.json()["name"], told) == ("Vintage", [("CATEGORY_CREATED", 1), ("CATEGORY_UPDATED", 2)])
    assert (await client.post("/v1/categories", json={"code": "OLDER", "name": "OLD"})).status_code == 201


async def test_the_tree_lists_parents_before_children_and_pages_by_cursor(client, upsert):
    await upsert("categories", {"code": "Z"}, {"code": "Z > B"}, {"code": "Z > A"}, {"code": "Z > A > 1"})
    found, cursor = [], {}
    while cursor is not None:
        page = (await client.get("/v1/categories", params={"limit": 2, **cursor})).json()
        found += [category["code"] for category in page["items"]]
        cursor = {"cursor": page["nextCursor"]} if page["nextCursor"] else None
    assert [code for code in found if code.startswith("Z")] == ["Z", "Z > A", "Z > A > 1", "Z > B"]


async def test_a_category_that_holds_something_stays(client, upsert, events):
    await upsert("categories", {"code": "FULL"}, {"code": "FULL > SHELF"})
    await upsert("products", {"sku": "held", "name": "Held", "price": "1.00", "categoryCodes": ["FULL > SHELF"]})
    found = (await client.get("/v1/categories", params={"code": "FULL > SHELF"})).json()["items"][0]
    for category_id in (found["parentId"], found["id"]):
        assert (await client.delete(f"/v1/categories/{category_id}")).status_code == 409
    await upsert("products", {"sku": "held", "categoryIds": []})
    assert (await client.delete(f"/v1/categories/{found['id']}")).status_code == 204
    assert events(f"category:{found['id']}")[-1][0] == "CATEGORY_DELETED"


@pytest.mark.parametrize("code", ["PATH > ", " > PATH", "PATH >  > TEA", " PATH", "PATH > TEA "])
async def test_a_path_has_no_empty_and_no_padded_name(client, upsert, code):
    await upsert("categories", {"code": "PATH"})
    answer = await client.post("/v1/categories", json={"code": code})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body.code")


async def test_the_longest_code_makes_a_cursor_that_is_taken_back(client, upsert):
    await upsert("categories", *({"code": letter * 500} for letter in "画界"))
    first = (await client.get("/v1/categories", params={"limit": 500})).json()["items"]
    page = (await client.get("/v1/categories", params={"limit": len(first) - 1})).json()
    answer = await client.get("/v1/categories", params={"cursor": page["nextCursor"]})
    assert [category["code"] for category in answer.json()["items"]] == ["界" * 500]


async def test_a_category_stays_if_a_product_is_just_being_linked_to_it(
    client, upsert, service_database, somebody_waits
):
    (category,) = await upsert("categories", {"code": "LINKED"})
    (product,) = await upsert("products", {"sku": "linking", "name": "Tea", "price": "1.00"})
    async with service_database.sessions.begin() as session:
        await service.change(session, product["productId"], {"category_codes": ["LINKED"]})
        deleting = asyncio.create_task(client.delete(f"/v1/categories/{category['categoryId']}"))
        await somebody_waits()
    assert (await deleting).status_code == 409
    linked = (await client.get(f"/v1/products/{product['productId']}")).json()
    assert linked["categoryIds"] == [category["categoryId"]]


async def test_search_knows_the_new_name_of_a_category_that_is_renamed_while_a_product_is_linked_below_it(
    client, upsert, service_database, somebody_waits
):
    (above, _) = await upsert("categories", {"code": "BEVERAGES"}, {"code": "BEVERAGES > LEAVES"})
    (product,) = await upsert("products", {"sku": "leaf", "name": "Nr 7", "price": "1.00", "stock": 1})
    async with service_database.sessions.begin() as session:
        await categories.change(session, above["categoryId"], None, "Refreshments", None)
        linking = {"categoryCodes": ["BEVERAGES > LEAVES"]}
        linked = asyncio.create_task(client.patch(f"/v1/products/{product['productId']}", json=linking))
        await somebody_waits()
    assert (await linked).status_code == 200

    async def found():
        items = (await client.get("/v1/search", params={"q": "refreshments"})).json()["items"]
        return [item["sku"] for item in items]

    await eventually(found, lambda skus: skus == ["leaf"])


async def test_a_category_stays_if_a_child_is_just_being_made(client, upsert, service_database, somebody_waits):
    (parent,) = await upsert("categories", {"code": "PARENT"})
    async with service_database.sessions.begin() as session:
        await categories.create(session, "PARENT > CHILD", None)
        deleting = asyncio.create_task(client.delete(f"/v1/categories/{parent['categoryId']}"))
        await somebody_waits()
    assert (await deleting).status_code == 409


async def test_a_category_is_read_and_named_under_the_shops_own_id(client, upsert):
    above, below = await upsert("categories", {"code": "FOOD/DRINK"}, {"code": "FOOD/DRINK > TEA"})
    path = "/v1/categories/code:FOOD%2FDRINK%20%3E%20TEA"
    found = (await client.get(path)).json()
    assert (found["id"], found["parentId"], found["parentCode"]) == (
        below["categoryId"],
        above["categoryId"],
        "FOOD/DRINK",
    )
    assert (await client.patch(path, json={"name": "Teas"})).json()["name"] == "Teas"
    children = await client.get("/v1/categories", params={"parentId": "code:FOOD/DRINK"})
    assert [item["code"] for item in children.json()["items"]] == ["FOOD/DRINK > TEA"]
    gone = await client.get("/v1/categories/code:NONE")
    assert (gone.status_code, gone.json()["detail"]) == (404, "There is no category code:NONE.")


@pytest.fixture
def change(client):
    """To change the category with this code; gives the answer."""

    async def patch(which, /, headers=None, **body):
        return await client.patch(f"/v1/categories/code:{which}", json=body, headers=headers)

    return patch


async def test_what_stands_below_a_category_moves_with_it(client, upsert, change, events):
    made = await upsert(
        "categories", *({"code": code} for code in ("M", "M > MA", "M > MA > MB", "M > MAB", "N", "N > NC"))
    )
    ids = [each["categoryId"] for each in made]
    moved = (await change("M > MA", code="N > NC > ND")).json()
    assert (moved["code"], moved["level"], moved["parentId"]) == ("N > NC > ND", 3, ids[5])
    told = [events(f"category:{each}")[-1] for each in (ids[1], ids[2])]
    assert [(kind, data["code"], data["level"], data["categoryVersion"]) for kind, data in told] == [
        ("CATEGORY_UPDATED", "N > NC > ND", 3, 2),
        ("CATEGORY_UPDATED", "N > NC > ND > MB", 4, 2),
    ]
    assert told[1][1]["parentId"] == ids[1]
    assert events(f"category:{ids[3]}")[-1][0] == "CATEGORY_CREATED"  # a name that only begins alike
    below = await client.get("/v1/categories", params={"parentId": "code:N > NC > ND"})
    assert [each["code"] for each in below.json()["items"]] == ["N > NC > ND > MB"]


async def test_products_are_found_in_the_place_where_their_category_now_is(client, upsert, change):
    await upsert("categories", {"code": "FROM"}, {"code": "FROM > X"}, {"code": "TO"})
    (made,) = await upsert("products", {"sku": "moved", "name": "Moved", "price": "1", "categoryCodes": ["FROM > X"]})
    await change("FROM > X", code="TO > X")
    found = (await client.get("/v1/products", params={"category": "code:TO"})).json()["items"]
    assert [(each["id"], each["categoryCodes"]) for each in found] == [(made["productId"], ["TO > X"])]


async def test_a_category_becomes_a_root_and_is_renamed_at_once(upsert, change, events):
    _, made = await upsert("categories", {"code": "UP"}, {"code": "UP > HIGH", "name": "High"})
    answer = (await change("UP > HIGH", code="HIGHEST", name="Highest")).json()
    assert (answer["code"], answer["name"], answer["parentId"], answer["level"]) == ("HIGHEST", "Highest", None, 1)
    assert events(f"category:{made['categoryId']}")[-1][1]["name"] == "Highest"


@pytest.mark.parametrize(
    ("code", "status"),
    [("L > LA > LB > LC", 422), ("NOWHERE > LA", 422), ("L > LC", 409), ("L", 409), ("L > " + "x" * 490, 422)],
)
async def test_a_category_cannot_be_moved_below_itself_or_to_where_there_is_no_place(
    client, upsert, change, code, status
):
    await upsert("categories", *({"code": each} for each in ("L", "L > LA", "L > LA > LBBBBBBB", "L > LC")))
    assert (await change("L > LA", code=code)).status_code == status
    listed = (await client.get("/v1/categories", params={"parentId": "code:L"})).json()["items"]
    assert [each["code"] for each in listed] == ["L > LA", "L > LC"]


async def test_a_change_of_a_category_that_was_changed_meanwhile_is_refused(client, upsert, change):
    await upsert("categories", {"code": "TAGGED"})
    seen = {"If-Match": (await client.get("/v1/categories/code:TAGGED")).headers["ETag"]}
    first = await change("TAGGED", headers=seen, name="Tagged once")
    second = await change("TAGGED", headers=seen, name="Tagged twice")
    assert (first.status_code, second.status_code) == (200, 412)
    deleted = [
        (await client.delete("/v1/categories/code:TAGGED", headers={"If-Match": tag})).status_code
        for tag in (seen["If-Match"], first.headers["ETag"])
    ]
    assert deleted == [412, 204]


async def test_a_category_that_is_created_below_one_that_moves_is_below_it_afterwards(client, upsert, change):
    await upsert("categories", {"code": "RACE"}, {"code": "GOAL"})
    answers = await asyncio.gather(
        change("RACE", code="GOAL > RACE"), client.post("/v1/categories", json={"code": "RACE > NEW"})
    )
    codes = [each["code"] for each in (await client.get("/v1/categories")).json()["items"]]
    assert answers[0].status_code == 200
    assert "RACE > NEW" not in codes
    assert ("GOAL > RACE > NEW" in codes) == (answers[1].status_code == 201)
