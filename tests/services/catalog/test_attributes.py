import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")
PLACE = "/v1/attributes"


def line(sku, **more):
    return {"sku": sku, "name": f"Product {sku}", "price": "2.00", "currency": "USD", **more}


@pytest.fixture
def define(client):
    async def new(code, **more):
        body = {"code": code, "name": code.title(), "type": "text", **more}
        answer = await client.post(PLACE, json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    return new


async def test_a_defined_attribute_is_found_at_its_location(client, upsert):
    await upsert("categories", {"code": "CLOTHES"})
    body = {"code": "fit", "name": "Fit", "type": "choice", "choices": ["slim", "wide"], "categoryCode": "CLOTHES"}
    answer = await client.post(PLACE, json=body)
    made = answer.json()
    assert (await client.get(answer.headers["Location"])).json() == made
    assert made["categoryCode"] == "CLOTHES"
    assert made["isFacet"] is True


async def test_an_attribute_is_changed_and_deleted_only_as_it_was_seen(client, define):
    await define("tagged")
    place = f"{PLACE}/tagged"
    seen = {"If-Match": (await client.get(place)).headers["ETag"]}
    first, second = [await client.patch(place, json={"name": name}, headers=seen) for name in ("One", "Two")]
    assert [first.status_code, second.status_code] == [200, 412]
    tags = (seen["If-Match"], first.headers["ETag"])
    assert [(await client.delete(place, headers={"If-Match": each})).status_code for each in tags] == [412, 204]


async def test_equal_values_change_no_tag_and_a_code_never_has_a_tag_again(client, define):
    await define("told_again")
    place = f"{PLACE}/told_again"
    body = (await client.get(place)).json()
    seen = (await client.get(place)).headers["ETag"]
    assert (await client.patch(place, json={"name": body["name"]})).headers["ETag"] == seen
    assert (await client.delete(place)).status_code == 204
    await define("told_again")
    assert (await client.get(place)).headers["ETag"] != seen


async def test_a_code_is_of_one_attribute(client, define):
    await define("once")
    answer = await client.post(PLACE, json={"code": "once", "name": "Once", "type": "text"})
    assert (answer.status_code, answer.json()["title"]) == (409, "Attribute taken")


@pytest.mark.parametrize(
    "wrong",
    [
        {"code": "Colour"},
        {"type": "colour"},
        {"type": "choice"},
        {"type": "choice", "choices": ["a", "a"]},
        {"choices": ["a"]},
        {"type": "number", "isMultiple": True},
        {"categoryCode": "NOWHERE"},
        {"categoryId": 2**62},
    ],
)
async def test_a_definition_that_means_nothing_is_refused(client, wrong):
    answer = await client.post(PLACE, json={"code": "wrong", "name": "Wrong", "type": "text", **wrong})
    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("code", "definition", "value", "message"),
    [
        ("hue", {"type": "choice", "choices": ["red", "blue"]}, "green", "must be one of blue, red"),
        ("hue_one", {"type": "choice", "choices": ["red"]}, ["red"], "must be one value, not a list"),
        ("hues", {"type": "choice", "choices": ["red"], "isMultiple": True}, "red", "must be a list"),
        ("hues_two", {"type": "choice", "choices": ["red"], "isMultiple": True}, ["red", "blue"], "must be one of red"),
        ("length", {"type": "number"}, "5", "must be a number"),
        ("length_two", {"type": "number"}, True, "must be a number"),
        ("vegan", {"type": "boolean"}, 1, "must be true or false"),
        ("label", {"type": "text"}, 5, "must be a text"),
    ],
)
async def test_a_value_that_is_none_of_its_attribute_is_refused_by_name(
    define, upsert, code, definition, value, message
):
    await define(code, **definition)
    (result,) = await upsert("products", line("valued", attributes={code: value}))
    assert result["errors"] == [{"field": f"attributes.{code}", "message": message}]


async def test_values_of_every_type_are_kept_as_they_are(client, define, upsert, events):
    await define("material", isMultiple=True)
    await define("weight", type="number", unit="g")
    await define("washable", type="boolean")
    values = {"material": ["wool", "silk"], "weight": 12.5, "washable": True}
    (made,) = await upsert("products", line("scarf", attributes=values))
    ((_, told),) = events(made["productId"])
    assert (await client.get("/v1/products/sku:scarf")).json()["attributes"] == told["attributes"] == values
    assert [each["status"] for each in await upsert("products", line("scarf", attributes=values))] == ["unchanged"]


async def test_an_attribute_that_nobody_defined_is_refused_with_what_to_do(client):
    answer = await client.post("/v1/products", json=line("unknown", attributes={"colur": "red"}))
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["field"]) == (422, "body.attributes.colur")
    assert "GET /v1/attributes" in error["message"]


async def test_an_attribute_of_a_category_is_for_products_below_it_alone(define, upsert):
    await upsert("categories", {"code": "WINE"}, {"code": "WINE > RED"}, {"code": "WINERY"})
    await define("vintage", type="number", categoryCode="WINE")
    results = await upsert(
        "products",
        line("below", categoryCodes=["WINE > RED"], attributes={"vintage": 2019}),
        line("beside", categoryCodes=["WINERY"], attributes={"vintage": 2019}),
        line("nowhere", attributes={"vintage": 2019}),
    )
    assert [result["status"] for result in results] == ["created", "refused", "refused"]
    assert results[1]["errors"] == [{"field": "attributes.vintage", "message": "is only for products in WINE"}]


async def test_the_attributes_of_a_categorys_products_are_its_own_those_above_and_those_of_all(client, define, upsert):
    await upsert("categories", {"code": "BOOKS"}, {"code": "BOOKS > COMICS"}, {"code": "BOOKSHELVES"})
    for code, category in (("pages", "BOOKS"), ("series", "BOOKS > COMICS"), ("width", "BOOKSHELVES")):
        await define(code, categoryCode=category)
    await define("origin")
    answer = await client.get(PLACE, params={"category": "code:BOOKS > COMICS", "limit": 500})
    codes = {each["code"] for each in answer.json()["items"]}
    assert {"pages", "series", "origin"} <= codes
    assert "width" not in codes


async def test_choices_are_added_and_those_that_products_have_stay(client, define, upsert):
    await define("size", type="choice", choices=["S", "M"], isMultiple=True)
    await upsert("products", line("sized", attributes={"size": ["M"]}))
    assert (await client.patch(f"{PLACE}/size", json={"choices": ["M", "L"]})).json()["choices"] == ["M", "L"]
    refused = await client.patch(f"{PLACE}/size", json={"choices": ["L"]})
    assert refused.status_code == 409
    assert "have one of M, such as sized" in refused.json()["detail"]


async def test_a_choice_of_one_value_stays_likewise(client, define, upsert):
    await define("finish", type="choice", choices=["matt", "gloss"])
    await upsert("products", line("painted", attributes={"finish": "matt"}))
    assert (await client.patch(f"{PLACE}/finish", json={"choices": ["gloss"]})).status_code == 409
    assert (await client.patch(f"{PLACE}/finish", json={"choices": ["matt"]})).status_code == 200


async def test_an_attribute_is_not_moved_away_from_its_products(client, define, upsert):
    await upsert("categories", {"code": "PETS"}, {"code": "PETS > CATS"}, {"code": "PLANTS"})
    await define("age", type="number")
    await upsert("products", line("kitten", categoryCodes=["PETS > CATS"], attributes={"age": 1}))
    assert (await client.patch(f"{PLACE}/age", json={"categoryCode": "PETS"})).json()["categoryCode"] == "PETS"
    assert (await client.patch(f"{PLACE}/age", json={"categoryCode": "PLANTS"})).status_code == 409
    assert (await client.patch(f"{PLACE}/age", json={"categoryId": None})).json()["categoryId"] is None


async def test_an_attribute_in_use_is_not_deleted_and_one_of_none_is(client, define, upsert):
    await define("scent")
    await upsert("products", line("soap", attributes={"scent": "lime"}))
    assert (await client.delete(f"{PLACE}/scent")).status_code == 409
    await upsert("products", {"sku": "soap", "attributes": {}})
    assert (await client.delete(f"{PLACE}/scent")).status_code == 204
    assert (await client.get(f"{PLACE}/scent")).status_code == 404


async def test_a_category_with_an_attribute_of_its_own_is_not_deleted(client, define, upsert):
    (category,) = await upsert("categories", {"code": "RARE"})
    await define("rarity", categoryCode="RARE")
    assert (await client.delete(f"/v1/categories/{category['categoryId']}")).status_code == 409


async def test_choices_are_of_choices_alone(client, define):
    await define("plain")
    answer = await client.patch(f"{PLACE}/plain", json={"choices": ["a"]})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body.choices")


async def test_anybody_reads_attributes_and_only_writers_define_them(client, tokens, define):
    await define("seen")
    shopper = {"Authorization": f"Bearer {tokens.user('u1')}"}
    assert (await client.get(f"{PLACE}/seen", headers=shopper)).status_code == 200
    assert (await client.patch(f"{PLACE}/seen", json={"name": "Mine"}, headers=shopper)).status_code == 403
