import json

import pytest

from services.catalog import snapshot
from services.contracts.events.catalog import CategorySnapshot, ProductSnapshot

pytestmark = pytest.mark.asyncio(loop_scope="module")
OFFER = {"price": "1.50", "startDate": "2026-01-01T00:00:00Z", "endDate": None}


@pytest.fixture
def read(client, tokens):
    """To read a snapshot; gives its lines by id."""

    async def lines(what, identifier):
        answer = await client.get(f"/v1/snapshot/{what}", headers=tokens.header(tokens.service("serving", "catalog")))
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson")
        return {line[identifier]: line for line in map(json.loads, answer.text.splitlines())}

    return lines


async def test_a_product_is_as_its_last_event_told_with_its_offer_beside_it(client, read, upsert, events):
    await upsert("categories", {"code": "SNAP"})
    for definition in (
        {"code": "organic", "type": "boolean"},
        {"code": "weight", "type": "number"},
        {"code": "grade", "type": "text", "isMultiple": True},
    ):
        await client.post("/v1/attributes", json={**definition, "name": definition["code"]})
    line = {
        "sku": "snap",
        "name": 'Té "verde"\n',
        "price": "2.00",
        "currency": "USD",
        "categoryCodes": ["SNAP"],
        "rating": 4.5,
        "description": "茶" * 2_001,
        "keywords": ["tea"],
        "attributes": {"organic": True, "weight": 1.5, "grade": ["first", "best"]},
        "image": "/images/tea.jpg",
    }
    (plain,) = await upsert("products", line)
    (offered,) = await upsert("products", {**line, "sku": "snap-2", "specialPrice": OFFER})
    ((_, told),) = events(plain["productId"])
    seen = await read("products", "productId")
    assert ProductSnapshot.model_validate(seen[plain["productId"]], strict=False) == ProductSnapshot.model_validate(
        told, strict=False
    )
    assert (seen[plain["productId"]]["offer"], seen[plain["productId"]]["offerVersion"]) == (None, 0)
    assert seen[offered["productId"]]["offerVersion"] == 1
    assert seen[offered["productId"]]["offer"] == {
        "specialPrice": "1.50", "currency": "USD", "startDate": "2026-01-01T00:00:00+00:00", "endDate": None,
    }  # fmt: skip


async def test_a_category_is_as_its_last_event_told(read, upsert, events):
    (made,) = await upsert("categories", {"code": "SNAPPED"})
    await upsert("categories", {"code": "SNAPPED", "name": "Snapped twice"})
    seen = (await read("categories", "categoryId"))[made["categoryId"]]
    _, told = events(f"category:{made['categoryId']}")[-1]
    assert CategorySnapshot.model_validate(seen) == CategorySnapshot.model_validate(told)


async def test_a_deleted_product_is_not_there(read, client, upsert):
    (made,) = await upsert("products", {"sku": "snap-gone", "name": "Gone", "price": "1.00"})
    await client.delete(f"/v1/products/{made['productId']}")
    assert made["productId"] not in await read("products", "productId")


async def test_more_than_a_page_is_one_moment(upsert, service_database, monkeypatch):
    monkeypatch.setattr(snapshot, "PAGE_LINES", 2)
    names = [f"snap-page-{number}" for number in range(5)]
    await upsert("products", *({"sku": name, "name": "Before", "price": "1.00"} for name in names))
    pages = snapshot.read(service_database, snapshot.PRODUCTS)
    lines = (await anext(pages)).splitlines()
    await upsert("products", *({"sku": name, "name": "After"} for name in names))
    async for page in pages:
        lines += page.splitlines()
    seen = {line["sku"]: line["name"] for line in map(json.loads, lines)}
    assert [seen[name] for name in names] == ["Before"] * 5


async def test_only_services_read_it(client, tokens):
    merchandiser = tokens.user("m1", roles=("merchandiser",))
    answer = await client.get("/v1/snapshot/products", headers={"Authorization": f"Bearer {merchandiser}"})
    assert answer.status_code == 403
