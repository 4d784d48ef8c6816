import json
import random

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")


def line(sku, **more):
    return {"sku": sku, "name": f"Product {sku}", "price": "2.00", "currency": "USD", **more}


def statuses(results):
    return [result["status"] for result in results]


async def test_a_line_creates_its_product_and_the_same_line_changes_nothing(upsert, events):
    (first,) = await upsert("products", line("twice", stock=4))
    (second,) = await upsert("products", line("twice", stock=4))
    assert (first["status"], second["status"]) == ("created", "unchanged")
    assert first["productId"] == second["productId"]
    assert [kind for kind, _ in events(first["productId"])] == ["PRODUCT_CREATED"]


async def test_new_products_have_ids_in_the_order_of_their_lines(upsert):
    results = await upsert("products", *(line(f"ordered-{number}") for number in range(20)))
    ids = [result["productId"] for result in results]
    assert ids == sorted(ids)


async def test_what_a_line_leaves_out_stays_as_it_was(upsert, client):
    (result,) = await upsert("products", line("kept", brand="Acme", stock=7))
    await upsert("products", {"sku": "kept", "price": "3.00"})
    product = (await client.get(f"/v1/products/{result['productId']}")).json()
    assert (product["brand"], product["stock"], product["price"]) == ("Acme", 7, "3.00")


async def test_a_refused_line_is_told_with_its_sku_and_with_what_is_expected(upsert):
    results = await upsert("products", line("a number", price=2.5), {"sku": 7}, "[]", "{no json")
    assert [result.get("sku") for result in results] == ["a number", None, None, None]
    assert results[0]["errors"] == [{"field": "price", "message": "must be a string such as 12.30"}]


async def test_a_bad_line_is_refused_by_name_and_the_others_go_through(upsert):
    results = await upsert("products", line("good"), line("bad", price="-1"), "{no json", line("fine"))
    assert statuses(results) == ["created", "refused", "refused", "created"]
    assert [result["line"] for result in results] == [1, 2, 3, 4]
    assert results[1]["errors"][0]["field"] == "price"


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"colour": "red"}, "colour"),
        ({"stock": -1}, "stock"),
        ({"name": "a\0b"}, "name"),
        ({"name": None}, "name"),
        ({"categoryIds": [2**63]}, "categoryIds.0"),
        ({"categoryCodes": ["nowhere"]}, "categoryCodes"),
        ({"specialPrice": {"price": "2.00", "startDate": "2026-01-01T00:00:00Z"}}, "specialPrice"),
        ({"price": "1.5", "currency": "JPY"}, "price"),
        ({"price": "1.505"}, "price"),
    ],
)
async def test_a_refusal_names_the_field(upsert, more, field):
    (result,) = await upsert("products", line("refused", **more))
    assert (result["status"], result["errors"][0]["field"]) == ("refused", field)


async def test_a_sku_twice_in_one_upload_is_one_product_as_the_last_line_has_it(upsert, client, events):
    first, second = await upsert("products", line("again", stock=1), line("again", stock=2))
    assert (first["status"], second["status"]) == ("created", "updated")
    assert (await client.get(f"/v1/products/{first['productId']}")).json()["stock"] == 2
    assert [(kind, data["stock"]) for kind, data in events(first["productId"])] == [("PRODUCT_CREATED", 2)]


async def test_stock_categories_and_offer_come_with_the_line(upsert, client, events):
    await upsert("categories", {"code": "DRINKS"}, {"code": "DRINKS > TEA"})
    offer = {"price": "1.50", "startDate": "2026-01-01T00:00:00Z", "endDate": "2026-02-01T00:00:00Z"}
    (result,) = await upsert("products", line("whole", stock=5, categoryCodes=["DRINKS > TEA"], specialPrice=offer))
    product = (await client.get(f"/v1/products/{result['productId']}")).json()
    tea = (await client.get("/v1/categories", params={"code": "DRINKS > TEA"})).json()["items"][0]
    assert (product["specialPrice"], product["categoryIds"]) == (offer, [tea["id"]])
    assert [kind for kind, _ in events(result["productId"])] == ["PRODUCT_CREATED", "SPECIAL_PRICE_SET"]
    await upsert("products", {"sku": "whole", "specialPrice": None})
    assert events(result["productId"])[-1][0] == "SPECIAL_PRICE_ENDED"


async def test_an_address_that_no_index_holds_is_refused_alone(upsert):
    kanji = "".join(random.Random(1).choices([chr(code) for code in range(0x4E00, 0x9FA5)], k=866))  # 3 bytes each
    given = {"good": "/tea.jpg", "longest": f"/{kanji}a", "too long": f"/{kanji}ab", "fine": None}
    results = await upsert("products", *(line(f"{name} image", image=image) for name, image in given.items()))
    assert statuses(results) == ["created", "created", "refused", "created"]
    assert [each["field"] for each in results[2]["errors"]] == ["image"]


async def test_more_lines_than_a_chunk_keep_their_order_and_number(upsert):
    results = await upsert("products", *(line(f"many-{number}") for number in range(2_500)))
    assert [result["line"] for result in results] == list(range(1, 2_501))
    assert {result["sku"] for result in results} == {f"many-{number}" for number in range(2_500)}


async def test_an_empty_upload_is_refused(client):
    answer = await client.post("/v1/products/bulk", content="\n\n")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body")


async def test_another_media_type_is_refused(client):
    answer = await client.post("/v1/products/bulk", json=[line("list")])
    assert answer.status_code == 415


async def test_a_new_sku_that_was_refused_may_come_again_in_the_same_upload(upsert):
    results = await upsert("products", {"sku": "repeated", "price": "1.00"}, line("repeated"))
    assert statuses(results) == ["refused", "created"]


async def test_children_come_after_their_parents(upsert):
    results = await upsert(
        "categories", {"code": "FOOD > RICE"}, {"code": "FOOD"}, {"code": "FOOD > RICE"}, {"code": "FOOD"}
    )
    assert statuses(results) == ["refused", "created", "created", "unchanged"]


async def test_a_category_name_belongs_to_one_category(upsert):
    await upsert("categories", {"code": "TOYS"}, {"code": "TOYS > MISC"}, {"code": "GARDEN"})
    refused, named = await upsert(
        "categories", {"code": "GARDEN > MISC"}, {"code": "GARDEN > MISC", "name": "MISC (GARDEN)"}
    )
    assert (refused["status"], refused["errors"][0]["field"]) == ("refused", "name")
    assert named["status"] == "created"


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        ([("1", "T"), ("2", "A"), ("1", "B")], {"1": "B", "2": "A"}),
        ([("9", "Q"), ("1", "Z"), ("9", "A")], {"1": "Z", "2": "B", "9": "A"}),
    ],
    ids=["two swap", "a new one takes it"],
)
async def test_names_of_categories_may_go_round_within_an_upload(upsert, client, lines, names, request):
    case = request.node.callspec.id
    await upsert("categories", *({"code": f"{case} {code}", "name": f"{case} {code}"} for code in names if code != "9"))
    await upsert("categories", *({"code": f"{case} {c}", "name": f"{case} {n}"} for c, n in (("1", "A"), ("2", "B"))))
    results = await upsert("categories", *({"code": f"{case} {code}", "name": f"{case} {n}"} for code, n in lines))
    assert "refused" not in statuses(results)
    found = [(await client.get("/v1/categories", params={"code": f"{case} {code}"})).json() for code in names]
    assert [each["items"][0]["name"] for each in found] == [f"{case} {name}" for name in names.values()]


async def test_only_writers_may_upload(client, tokens):
    def call(headers):
        return client.post("/v1/products/bulk", content=json.dumps(line("whose")), headers=headers)

    shopper, merchandiser = tokens.user("u1"), tokens.user("m1", roles=("merchandiser",))
    assert (await call({"Authorization": f"Bearer {shopper}"})).status_code == 403
    assert (await call({"Authorization": f"Bearer {merchandiser}"})).status_code == 200
