import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")


def line(sku, **more):
    return {"sku": sku, "name": f"Product {sku}", "price": "2.00", "currency": "USD", **more}


async def test_a_line_names_the_parent_of_a_variant_by_its_sku(upsert, client, events):
    parent, variant = await upsert("products", line("shirt"), line("shirt-m", parentSku="shirt"))
    product = (await client.get("/v1/products/sku:shirt-m")).json()
    ((_, told),) = events(variant["productId"])
    assert product["parentId"] == told["parentId"] == parent["productId"]
    (again,) = await upsert("products", line("shirt-m", parentSku="shirt"))
    assert again["status"] == "unchanged"


async def test_a_variant_has_no_variants_and_is_not_its_own_parent(upsert):
    await upsert("products", line("one"), line("one-a", parentSku="one"), line("other"))
    results = await upsert(
        "products",
        line("one-a-1", parentSku="one-a"),
        line("other", parentSku="other"),
        line("one", parentSku="other"),
        line("stray", parentSku="nowhere"),
        line("stray", parentId=2**62),
    )
    assert [(result["status"], result["errors"][0]["field"]) for result in results] == [
        *[("refused", "parentSku")] * 4,
        ("refused", "parentId"),
    ]


async def test_a_product_that_a_line_before_made_a_parent_cannot_become_a_variant(upsert):
    results = await upsert(
        "products", line("first"), line("second"), line("first", parentSku="second"), line("second", parentSku="first")
    )
    assert [result["status"] for result in results] == ["created", "created", "updated", "refused"]


async def test_a_parent_is_named_in_one_way(upsert):
    (result,) = await upsert("products", line("both", parentSku="one", parentId=1))
    assert result["status"] == "refused"


async def test_a_variant_is_taken_from_its_parent(upsert, client):
    parent, variant = await upsert("products", line("set"), line("set-a", parentSku="set"))
    place = f"/v1/products/{variant['productId']}"
    assert (await client.patch(place, json={"parentId": parent["productId"]})).json()["parentId"] == parent["productId"]
    assert (await client.patch(place, json={"parentId": None})).json()["parentId"] is None


async def test_a_parent_is_deleted_after_its_variants(upsert, client):
    await upsert("products", line("lamp"), line("lamp-red", parentSku="lamp"))
    refused = await client.delete("/v1/products/sku:lamp")
    assert (refused.status_code, refused.json()["title"]) == (409, "Product in use")
    assert (await client.delete("/v1/products/sku:lamp-red")).status_code == 204
    assert (await client.delete("/v1/products/sku:lamp")).status_code == 204


@pytest.fixture
def as_shopper(client, tokens):
    """To read as somebody without a role."""
    headers = {"Authorization": f"Bearer {tokens.user('u1')}"}

    async def read(path):
        answer = await client.get(path, headers=headers)
        return answer.json() if answer.status_code == 200 else answer.status_code

    return read


OFFERS = {
    "now": {"price": "1.50", "startDate": "2026-01-01T00:00:00Z"},
    "over": {"price": "0.50", "startDate": "2026-01-01T00:00:00Z", "endDate": "2026-01-02T00:00:00Z"},
    "to come": {"price": "0.50", "startDate": "2098-01-01T00:00:00Z"},
}


@pytest.mark.parametrize(
    ("prices", "offer", "shown"),
    [
        (("2.00", "9.00"), None, ("2.00", "9.00")),
        (("2.00", "9.00"), "now", ("1.50", "9.00")),
        (("2.00", "9.00"), "over", ("2.00", "9.00")),
        (("2.00", "9.00"), "to come", ("2.00", "9.00")),
    ],
)
async def test_a_parent_shows_the_current_prices_of_its_variants(upsert, as_shopper, prices, offer, shown):
    sku = f"range {offer}"
    lines = [line(f"{sku} {price}", price=price, parentSku=sku) for price in prices]
    lines[0]["specialPrice"] = OFFERS[offer] if offer else None
    await upsert("products", line(sku, price="5.00"), *lines)
    seen = await as_shopper(f"/v1/products/sku:{sku}")
    assert (seen["priceFrom"], seen["priceTo"]) == shown


async def test_a_parent_is_in_stock_if_an_active_variant_is(upsert, client, as_shopper):
    await upsert(
        "products",
        line("cup", stock=9),
        line("cup-a", parentSku="cup", stock=2),
        line("cup-b", parentSku="cup", stock=3, isActive=False),
    )
    place = "/v1/products/sku:cup"
    seen = await as_shopper(place)
    assert (seen["isParent"], seen["variantCount"], seen["inStock"], seen["stock"]) == (True, 1, True, None)
    assert (await client.get(place)).json()["stock"] == 2
    await upsert("products", {"sku": "cup-a", "stock": 0})
    assert (await as_shopper(place))["inStock"] is False


async def test_a_product_without_variants_has_no_range(upsert, as_shopper):
    await upsert("products", line("single", stock=1))
    seen = await as_shopper("/v1/products/sku:single")
    assert (seen["isParent"], seen["variantCount"], seen["priceFrom"], seen["inStock"]) == (False, 0, None, True)


async def test_the_variants_are_listed_of_the_parent_and_of_each_other(upsert, as_shopper):
    _, small, large, hidden = await upsert(
        "products",
        line("hat"),
        line("hat-s", parentSku="hat"),
        line("hat-l", parentSku="hat", price="3.00"),
        line("hat-x", parentSku="hat", isActive=False),
    )
    for sku in ("hat", "hat-l"):
        items = (await as_shopper(f"/v1/products/sku:{sku}/variants"))["items"]
        assert [(each["id"], each["price"]) for each in items] == [
            (small["productId"], "2.00"), (large["productId"], "3.00"),
        ]  # fmt: skip
    assert await as_shopper(f"/v1/products/{hidden['productId']}/variants") == 404


async def test_a_product_alone_has_no_variants(upsert, as_shopper):
    await upsert("products", line("alone"), line("alone-too"))
    assert (await as_shopper("/v1/products/sku:alone/variants"))["items"] == []


async def test_variants_page_by_cursor(upsert, as_shopper):
    await upsert("products", line("pen"), *(line(f"pen-{number}", parentSku="pen") for number in range(3)))
    page = await as_shopper("/v1/products/sku:pen/variants?limit=2")
    rest = await as_shopper(f"/v1/products/sku:pen/variants?limit=2&cursor={page['nextCursor']}")
    assert [each["sku"] for each in page["items"] + rest["items"]] == ["pen-0", "pen-1", "pen-2"]


async def test_the_stock_of_a_parent_is_not_counted(upsert, client):
    await upsert("products", line("vase"), line("vase-a", parentSku="vase"))
    for method, end, body in (
        ("PUT", "/stock", {"stock": 5}),
        ("PATCH", "/stock", {"change": 5}),
        ("PATCH", "", {"stock": 5}),
    ):
        answer = await client.request(method, f"/v1/products/sku:vase{end}", json=body)
        assert (answer.status_code, answer.json()["title"]) == (409, "Sold by its variants")
        assert (await client.request(method, f"/v1/products/sku:vase-a{end}", json=body)).status_code == 200
