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
