"""What a product has beside its price: keywords, attributes, images, a long description."""

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def create(client):
    async def new(sku, **more):
        answer = await client.post(
            "/v1/products", json={"sku": sku, "name": f"Product {sku}", "price": "2.00", "currency": "USD", **more}
        )
        assert answer.status_code == 201, answer.text
        return answer.json()

    return new


async def test_keywords_come_with_the_product_and_its_events(create, events):
    product = await create("words", keywords=["アクメ", "acme"])
    ((_, told),) = events(product["id"])
    assert product["keywords"] == told["keywords"] == ["アクメ", "acme"]


async def test_a_description_of_20_000_characters_is_kept_and_told_of_with_its_beginning(client, create, events):
    text = "茶" * 20_000
    product = await create("described", description=text)
    ((_, told),) = events(product["id"])
    assert (product["description"], told["longDescription"], told["description"]) == (text, text, text[:2_000])
    short = await client.patch(f"/v1/products/{product['id']}", json={"description": "Tea"})
    assert short.json()["description"] == "Tea"
    assert "longDescription" not in events(product["id"])[-1][1]


async def test_a_longer_description_is_refused_by_name(client, create):
    product = await create("too-long")
    answer = await client.patch(f"/v1/products/{product['id']}", json={"description": "x" * 20_001})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body.description")


async def test_the_image_of_a_line_replaces_the_first_of_the_images(client, create):
    product = await create("pictured", image="/images/a.jpg")
    place = f"/v1/products/{product['id']}"
    changed = (await client.patch(place, json={"image": "/images/b.jpg"})).json()
    assert (product["images"], changed["image"], changed["images"]) == (
        ["/images/a.jpg"], "/images/b.jpg", ["/images/b.jpg"],
    )  # fmt: skip
    assert (await client.patch(place, json={"image": None})).json()["images"] == []


async def test_what_is_counted_or_uploaded_cannot_be_set(client, create):
    product = await create("counted-elsewhere")
    for field, value in (("ratingCount", 5), ("images", ["/images/a.jpg"])):
        answer = await client.patch(f"/v1/products/{product['id']}", json={field: value})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, f"body.{field}")


@pytest.mark.parametrize("value", ["4242424242424242", ["4242 4242 4242 4242"]])
async def test_no_attribute_takes_a_card_number(client, value):
    body = {"sku": "carded", "name": "Carded", "price": "2", "attributes": {"note": value}}
    answer = await client.post("/v1/products", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body.attributes")
