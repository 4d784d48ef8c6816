import asyncio
from urllib.parse import quote

import pytest

from services.catalog import service
from tests.waiting import eventually, read_topic

pytestmark = pytest.mark.asyncio(loop_scope="module")
ABSENT = 999_999


@pytest.fixture
def create(client):
    async def new(sku, **more):
        answer = await client.post(
            "/v1/products", json={"sku": sku, "name": f"Product {sku}", "price": "2.00", "currency": "USD", **more}
        )
        assert answer.status_code == 201, answer.text
        return answer.json()

    return new


async def test_a_created_product_is_found_at_its_location(client):
    answer = await client.post(
        "/v1/products", json={"sku": "located", "name": "Tea", "price": "2.50", "currency": "USD"}
    )
    assert (await client.get(answer.headers["Location"])).json() == answer.json()
    assert answer.json()["price"] == "2.50"


async def test_a_sku_names_one_product(client, create):
    await create("taken")
    answer = await client.post("/v1/products", json={"sku": "taken", "name": "Other", "price": "1.00"})
    assert (answer.status_code, answer.json()["title"]) == (409, "Sku taken")


async def test_the_same_idempotency_key_creates_one_product(client):
    body, key = {"sku": "once", "name": "Tea", "price": "2.00"}, {"Idempotency-Key": "create-once"}
    first, second = [await client.post("/v1/products", json=body, headers=key) for _ in range(2)]
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()


async def test_a_change_is_published_with_the_product_as_it_now_is(client, create, events):
    product = await create("renamed")
    await client.patch(f"/v1/products/{product['id']}", json={"name": "New name", "isActive": False})
    kind, data = events(product["id"])[-1]
    assert (kind, data["name"], data["isActive"]) == ("PRODUCT_UPDATED", "New name", False)


async def test_row_and_event_reach_the_topic_under_the_products_key(settings, create):
    product = await create("published")

    async def keys():
        return [record.key.decode() for record in await read_topic(settings.kafka_url, "catalog.v1", 1)]

    await eventually(keys, lambda found: str(product["id"]) in found)


async def test_a_deleted_product_is_gone_and_told(client, create, events):
    product = await create("deleted")
    assert (await client.delete(f"/v1/products/{product['id']}")).status_code == 204
    assert (await client.get(f"/v1/products/{product['id']}")).status_code == 404
    assert events(product["id"])[-1] == ("PRODUCT_DELETED", {"productId": product["id"], "sku": "deleted"})


async def test_stock_never_goes_below_zero_however_many_take_from_it(client, create):
    product = await create("scarce", stock=5)
    path = f"/v1/products/{product['id']}/stock"
    answers = await asyncio.gather(*(client.patch(path, json={"change": -1}) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [409] * 3
    assert (await client.get(f"/v1/products/{product['id']}")).json()["stock"] == 0


async def test_a_stock_change_is_told_with_its_reason_and_the_stock_afterwards(client, create, events):
    product = await create("broken", stock=5)
    await client.patch(f"/v1/products/{product['id']}/stock", json={"change": -2, "reason": "broken"})
    assert events(product["id"])[-1][1] == {
        "productId": product["id"], "stock": 3, "reason": "broken", "stockVersion": 2,
    }  # fmt: skip


async def test_versions_grow_by_one_whoever_changes_the_product(client, create, upsert, events):
    product = await create("versioned", stock=5)
    path = f"/v1/products/{product['id']}"
    await client.patch(f"{path}/stock", json={"change": -2})
    await client.patch(f"{path}/stock", json={"change": 0})
    await upsert("products", {"sku": "versioned", "stock": 9}, {"sku": "versioned", "name": "Tea"})
    told = [(kind, data.get("productVersion"), data["stockVersion"]) for kind, data in events(product["id"])]
    assert told == [
        ("PRODUCT_CREATED", 1, 1),
        ("STOCK_CHANGED", None, 2),
        ("PRODUCT_UPDATED", 2, 3),
        ("STOCK_CHANGED", None, 3),
    ]


async def test_a_count_sets_the_stock(client, create, events):
    product = await create("counted", stock=5)
    answer = await client.put(f"/v1/products/{product['id']}/stock", json={"stock": 9})
    assert (answer.json()["stock"], events(product["id"])[-1][0]) == (9, "STOCK_CHANGED")


async def test_an_offer_is_set_and_ended(client, create, events):
    path = f"/v1/products/{(product := await create('offered'))['id']}/special-price"
    offer = {"price": "1.50", "startDate": "2026-01-01T00:00:00Z", "endDate": None}
    assert (await client.put(path, json=offer)).json()["specialPrice"] == offer
    assert (await client.delete(path)).status_code == 204
    assert [kind for kind, _ in events(product["id"])][1:] == ["SPECIAL_PRICE_SET", "SPECIAL_PRICE_ENDED"]


@pytest.mark.parametrize(("currency", "price"), [("JPY", "1200"), ("USD", "12.30"), ("KWD", "4.500")])
async def test_a_price_has_the_decimals_of_its_currency(create, currency, price):
    product = await create(f"in-{currency}", currency=currency, price=price)
    assert (product["price"], product["currency"]) == (price, currency)


async def test_money_finer_than_its_currency_is_refused_by_name(client, create):
    product = await create("whole", currency="JPY", price="1200")
    answer = await client.patch(f"/v1/products/{product['id']}", json={"price": "1200.5"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body.price")
    offer = {"price": "0.5", "startDate": "2026-01-01T00:00:00Z"}
    answer = await client.put(f"/v1/products/{product['id']}/special-price", json=offer)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body.specialPrice")


async def test_an_offer_above_the_price_is_refused_by_name(client, create):
    path = f"/v1/products/{(await create('dear'))['id']}/special-price"
    answer = await client.put(path, json={"price": "2.50", "startDate": "2026-01-01T00:00:00Z"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body.specialPrice")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("PUT", "/stock"), ("PATCH", "/stock"), ("DELETE", "/special-price")],
)
async def test_an_unknown_product_is_not_found(client, method, path):
    body = {"PUT/stock": {"stock": 1}, "PATCH/stock": {"change": 1}, "PATCH": {}}.get(method + path)
    answer = await client.request(method, f"/v1/products/{ABSENT}{path}", json=body)
    assert (answer.status_code, answer.json()["title"]) == (404, "Product not found")


@pytest.mark.parametrize(
    "image", ["javascript:alert(1)", " javascript:alert(1)", "data:image/svg+xml,x", "java\tscript:x", ""]
)
async def test_a_picture_lies_on_the_web_or_at_a_path(client, image):
    answer = await client.post("/v1/products", json={"sku": "x", "name": "X", "price": "1.00", "image": image})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body.image")


@pytest.mark.parametrize("image", ["https://cdn.example/tea.jpg", "/images/a b.svg?v=1:2", "tea.jpg", None])
async def test_a_picture_on_the_web_or_at_a_path_is_kept(create, image):
    assert (await create(f"picture {image}", image=image))["image"] == image


async def test_nothing_is_offered_for_nothing(client, create):
    path = f"/v1/products/{(await create('gift'))['id']}/special-price"
    answer = await client.put(path, json={"price": "0.00", "startDate": "2026-01-01T00:00:00Z"})
    assert (answer.status_code, answer.json()["errors"][0]["message"]) == (422, "Value error, must be above 0")


@pytest.fixture
def as_shopper(client, tokens):
    """To read as somebody who is logged in and has no role; gives the body, or the status of a refusal."""
    headers = {"Authorization": f"Bearer {tokens.user('u1')}"}

    async def read(path, **query):
        answer = await client.get(path, params=query, headers=headers)
        return answer.json() if answer.status_code == 200 else answer.status_code

    return read


async def test_a_shopper_sees_no_inactive_product(create, client, as_shopper):
    product = await create("unannounced")
    assert len((await as_shopper("/v1/products", sku="unannounced"))["items"]) == 1
    await client.patch(f"/v1/products/{product['id']}", json={"isActive": False})
    assert await as_shopper(f"/v1/products/{product['id']}") == 404
    assert (await as_shopper("/v1/products", sku="unannounced"))["items"] == []
    assert (await as_shopper("/v1/products", sku="unannounced", active=False))["items"] == []


@pytest.mark.parametrize(("stock", "is_in_stock"), [(7, True), (0, False)])
async def test_a_shopper_sees_whether_there_is_stock_and_not_how_much(create, as_shopper, stock, is_in_stock):
    product = await create(f"counted-{stock}", stock=stock)
    seen = await as_shopper(f"/v1/products/{product['id']}")
    assert (seen["stock"], seen["inStock"], product["stock"]) == (None, is_in_stock, stock)


@pytest.mark.parametrize(
    ("dates", "is_shown"),
    [
        (("2026-01-01", None), True),
        (("2026-01-01", "2099-01-01"), True),
        (("2098-01-01", None), False),
        (("2026-01-01", "2026-01-02"), False),
    ],
)
async def test_a_shopper_sees_an_offer_while_it_holds(create, as_shopper, dates, is_shown):
    start, end = (date and f"{date}T00:00:00Z" for date in dates)
    offer = {"price": "1.50", "startDate": start, "endDate": end}
    product = await create(f"offer {dates}", specialPrice=offer)
    assert product["specialPrice"] == offer
    assert (await as_shopper(f"/v1/products/{product['id']}"))["specialPrice"] == (offer if is_shown else None)


async def test_a_list_pages_by_cursor_without_gaps_or_repeats(client, create, upsert):
    await upsert("categories", {"code": "PAGES"})
    made = [(await create(f"page-{number}", categoryCodes=["PAGES"]))["id"] for number in range(5)]
    found, cursor = [], {}
    while cursor is not None:
        page = (await client.get("/v1/products", params={"category": "code:PAGES", "limit": 2, **cursor})).json()
        found += [product["id"] for product in page["items"]]
        cursor = {"cursor": page["nextCursor"]} if page["nextCursor"] else None
    assert found == made


async def test_products_are_found_by_ids_and_by_skus(client, create):
    first, second = await create("found-1"), await create("found-2")
    by_ids = await client.get("/v1/products", params={"ids": [first["id"], second["id"], ABSENT]})
    by_sku = await client.get("/v1/products", params={"sku": ["found-1", "found-2", "no such"]})
    assert by_ids.json()["items"] == by_sku.json()["items"] == [first, second]


async def test_a_category_holds_what_stands_below_it(client, create, upsert):
    category, below = await upsert("categories", {"code": "HOME"}, {"code": "HOME > LAMPS"})
    lamp = await create("lamp", categoryCodes=["HOME > LAMPS"])
    for reference in ("code:HOME", category["categoryId"], below["categoryId"]):
        answer = await client.get("/v1/products", params={"category": reference})
        assert [product["id"] for product in answer.json()["items"]] == [lamp["id"]]


async def test_inactive_products_can_be_left_out(client, create):
    await create("asleep", isActive=False)
    awake = await create("awake")
    answer = await client.get("/v1/products", params={"sku": ["asleep", "awake"], "active": True})
    assert [product["id"] for product in answer.json()["items"]] == [awake["id"]]


async def test_anybody_reads_and_only_writers_write(client, create, tokens):
    product = await create("guarded")
    assert (await client.get("/v1/products", headers={"Authorization": ""})).status_code == 401  # an empty scheme
    for token, status in ((tokens.user("u1"), 403), (tokens.user("m1", roles=("merchandiser",)), 200)):
        headers = {"Authorization": f"Bearer {token}"}
        assert (await client.get(f"/v1/products/{product['id']}", headers=headers)).status_code == 200
        answer = await client.patch(f"/v1/products/{product['id']}", json={"brand": "Acme"}, headers=headers)
        assert answer.status_code == status


async def test_a_writer_that_waited_for_another_tells_what_that_one_wrote(
    client, create, upsert, events, service_database, somebody_waits
):
    product = await create("contested")
    (category,) = await upsert("categories", {"code": "CONTESTED"})
    async with service_database.sessions.begin() as first:
        await service.change(first, product["id"], {"category_ids": [category["categoryId"]]})
        second = asyncio.create_task(client.patch(f"/v1/products/{product['id']}", json={"name": "Renamed"}))
        await somebody_waits()
    assert (await second).status_code == 200
    kind, data = events(product["id"])[-1]
    assert (kind, data["name"], data["categoryIds"]) == ("PRODUCT_UPDATED", "Renamed", [category["categoryId"]])


async def test_a_bare_number_is_our_id_and_the_shops_has_its_prefix(client, create, upsert):
    (other,) = await upsert("categories", {"code": "NUMBERED"})
    number = other["categoryId"]
    await upsert("categories", {"code": str(number), "name": "A number"})
    ours = await create("by-id", categoryCodes=["NUMBERED"])
    theirs = await create("by-code", categoryCodes=[str(number)])
    for reference, found in ((str(number), ours), (f"code:{number}", theirs)):
        answer = await client.get("/v1/products", params={"category": reference})
        assert [product["id"] for product in answer.json()["items"]] == [found["id"]]
        assert answer.json()["items"][0]["categoryCodes"] == found["categoryCodes"]


@pytest.mark.parametrize("sku", ["85A/1", "999999", "sku:1", "茶 500g", "x/stock"])
async def test_a_product_is_read_and_changed_under_the_shops_own_id(client, create, sku):
    product = await create(sku)
    path = f"/v1/products/sku:{quote(sku, safe='')}"
    assert (await client.get(path)).json() == product
    assert (await client.put(f"{path}/stock", json={"stock": 9})).json()["stock"] == 9
    assert (await client.patch(path, json={"name": "Renamed"})).json()["id"] == product["id"]
    found = await client.get("/v1/products", params={"ids": [f"sku:{sku}", ABSENT]})
    assert [item["sku"] for item in found.json()["items"]] == [sku]
    assert (await client.delete(path)).status_code == 204
    gone = await client.get(path)
    assert (gone.status_code, gone.json()["detail"]) == (404, f"There is no product sku:{sku}.")


async def test_a_change_based_on_an_older_product_is_refused(client, create):
    product = await create("seen-by-two")
    place = f"/v1/products/{product['id']}"
    seen = {"If-Match": (await client.get(place)).headers["ETag"]}
    first, second = [await client.patch(place, json={"name": name}, headers=seen) for name in ("mine", "yours")]
    assert (first.status_code, second.status_code, second.json()["title"]) == (200, 412, "Precondition failed")
    anew = {"If-Match": first.headers["ETag"]}
    assert (await client.patch(place, json={"name": "yours"}, headers=anew)).json()["name"] == "yours"


async def test_the_tag_has_the_versions_of_a_product_its_offer_and_its_stock(client, create):
    product = await create("tagged", stock=5)
    place = f"/v1/products/{product['id']}"
    tags = [(await client.get(place)).headers["ETag"]]
    tags.append((await client.patch(f"{place}/stock", json={"change": -1})).headers["ETag"])
    offer = {"price": "1.00", "startDate": "2026-01-01T00:00:00Z"}
    tags.append((await client.put(f"{place}/special-price", json=offer)).headers["ETag"])
    assert tags == ['"1-0-1"', '"1-0-2"', '"1-1-2"']


async def test_of_two_who_saw_the_same_stock_one_sets_it(client, create):
    place = f"/v1/products/{(await create('counted by two', stock=7))['id']}"
    seen = {"If-Match": (await client.get(place)).headers["ETag"]}
    first, second = [await client.put(f"{place}/stock", json={"stock": n}, headers=seen) for n in (10, 3)]
    third = await client.patch(place, json={"name": "mine", "stock": 8}, headers=seen)
    untold = await client.put(f"{place}/stock", json={"stock": 3}, headers={"If-Match": '"1-0"'})
    assert [each.status_code for each in (first, second, third, untold)] == [200, 412, 412, 412]
    anew = {"If-Match": first.headers["ETag"]}
    assert (await client.patch(place, json={"stock": 8}, headers=anew)).json()["stock"] == 8


@pytest.mark.parametrize("caller", ["staff", "public"])
async def test_a_sale_breaks_no_edit_that_is_not_of_the_stock(client, create, caller):
    place = f"/v1/products/{(await create(f'sold meanwhile to {caller}', stock=7))['id']}"
    read = {"auth": None} if caller == "public" else {}
    seen = {"If-Match": (await client.get(place, **read)).headers["ETag"]}
    await client.patch(f"{place}/stock", json={"change": -1})
    assert (await client.patch(place, json={"name": "Edited"}, headers=seen)).json()["name"] == "Edited"


async def test_only_what_was_seen_is_deleted(client, create):
    place = f"/v1/products/{(await create('deleted as seen', stock=7))['id']}"
    seen = (await client.get(place)).headers["ETag"]
    changed = (await client.patch(place, json={"name": "Edited"})).headers["ETag"]
    await client.patch(f"{place}/stock", json={"change": -1})
    deleted = [(await client.delete(place, headers={"If-Match": each})).status_code for each in (seen, changed)]
    assert deleted == [412, 204]
    assert (await client.delete(place, headers={"If-Match": seen})).status_code == 404


async def test_the_public_learns_neither_how_much_is_sold_nor_what_will_be_offered(client, create):
    place = f"/v1/products/{(await create('private versions', stock=5))['id']}"
    offer = {"price": "1.00", "startDate": "2026-01-01T00:00:00Z"}
    changes = (
        ("PATCH", "/stock", {"change": -1}),
        ("PUT", "/special-price", {**offer, "startDate": "2099-01-01T00:00:00Z"}),
        ("PUT", "/special-price", offer),
    )
    answers = [await client.get(place, auth=None)]
    for method, end, body in changes:
        await client.request(method, f"{place}{end}", json=body)
        answers.append(await client.get(place, auth=None))
    told = [[each.json()[name] for name in ("stockVersion", "offerVersion", "updatedAt")] for each in answers]
    assert told == [[None, None, None]] * 4
    tags = [each.headers["ETag"] for each in answers]
    assert tags[0] == tags[1] == tags[2] != tags[3]
    staff = (await client.get(place)).json()
    assert (staff["stockVersion"], staff["offerVersion"]) == (2, 2)


@pytest.mark.parametrize(("given", "status"), [("*", 200), ('"9-9", "1-0"', 200), ("1-0", 422)])
async def test_if_match_is_any_product_or_tags_in_quotes(client, create, given, status):
    product = await create(f"matched {given}")
    answer = await client.patch(f"/v1/products/{product['id']}", json={"name": "New"}, headers={"If-Match": given})
    assert answer.status_code == status, answer.text
