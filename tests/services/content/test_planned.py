"""What is planned for a page at a time."""

from datetime import UTC, datetime, timedelta

import httpx2
import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")
NEXT_WEEK, IN_TWO_WEEKS = ((datetime.now(UTC) + timedelta(weeks=each)).isoformat() for each in (1, 2))
DURING = (datetime.now(UTC) + timedelta(days=10)).isoformat()
BANNER = {"placement": "TOP", "texts": {"en": {"title": "Tea week"}}}


@pytest.fixture
def planned(client):
    async def read(**params):
        answer = await client.get("/v1/planned-displays", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return read


def first(found):
    return [(item["productId"], item["displayId"]) for item in found["shelves"][0]["items"]]


async def test_what_begins_next_week_is_planned_for_then_and_not_for_now(client, planned, load, activate):
    await load("g1", *({"displayType": "RECOMMENDED", "rank": each, "productId": each} for each in (1, 2)))
    await activate("g1", 2)
    dates = {"startDate": NEXT_WEEK, "endDate": IN_TWO_WEEKS}
    campaign = (await client.post("/v1/campaigns", json={"name": "Tea week", **dates})).json()
    part = {"displayType": "RECOMMENDED", "campaignId": campaign["id"]}
    pin, hide = [
        (await client.post("/v1/top-page-displays", json={**part, "mode": mode, "productId": product_id})).json()
        for mode, product_id in (("pin", 9), ("hide", 1))
    ]
    banner = (await client.post("/v1/banners", json={**BANNER, "campaignId": campaign["id"]})).json()

    now, then, later = await planned(), await planned(at=DURING), await planned(at=IN_TWO_WEEKS)

    for found in (now, later):
        assert first(found) == [
            (1, None),
            (2, None),
        ]
        assert (found["hiddenBy"], found["banners"], found["campaigns"]) == ([], [], [])
    assert first(then) == [
        (9, pin["id"]),
        (2, None),
    ]
    assert then["hiddenBy"] == [{"productId": 1, "sku": None, "displayId": hide["id"]}]
    assert [each["id"] for each in then["banners"]] == [banner["id"]]
    assert [(each["id"], each["name"]) for each in then["campaigns"]] == [(campaign["id"], "Tea week")]


async def test_the_plan_for_everyone_is_not_public(client):
    async with httpx2.AsyncClient(transport=client._transport, base_url="http://content") as anybody:
        assert (await anybody.get("/v1/planned-displays")).status_code == 401
