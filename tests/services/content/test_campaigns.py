from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")
NOW = datetime.now(UTC)
YESTERDAY, TOMORROW = ((NOW + timedelta(days=each)).isoformat() for each in (-1, 1))
TEXTS = {"en": {"title": "Tea week"}, "ja": {"title": "お茶の週", "body": "全品10%引き"}}
BANNER = {"placement": "TOP", "texts": TEXTS, "image": "/images/tea.jpg", "link": "/categories/TEA"}


@pytest_asyncio.fixture(loop_scope="module")
async def make(client):
    """Makes something, and takes it back at the end: `make("banners", **fields)`."""
    made = []

    async def create(kind, **fields):
        answer = await client.post(f"/v1/{kind}", json=fields)
        assert answer.status_code == 201, answer.text
        assert answer.headers["Location"] == f"/v1/{kind}/{answer.json()['id']}"
        made.append(answer.headers["Location"])
        return answer.json()

    yield create
    for place in reversed(made):
        await client.delete(place)


@pytest.fixture
def shown(client):
    """The ids of the banners that show now."""

    async def read():
        answer = await client.get("/v1/banners")
        return [each["id"] for each in answer.json()["items"]]

    return read


async def test_a_banner_shows_to_everybody_with_its_texts_until_it_is_removed(client, make, shown, events):
    banner = await make("banners", **BANNER)
    answer = await client.get("/v1/banners")
    [seen] = answer.json()["items"]
    assert seen == {"id": banner["id"], "campaignId": None, "priority": 0, **BANNER, "texts": seen["texts"]}
    assert {name: text["title"] for name, text in seen["texts"].items()} == {"en": "Tea week", "ja": "お茶の週"}
    assert answer.headers["Cache-Control"] == "public, max-age=10"
    await client.patch(f"/v1/banners/{banner['id']}", json={"link": "https://example.org/tea"})
    assert (await client.get("/v1/banners")).json()["items"][0]["link"] == "https://example.org/tea"
    await client.delete(f"/v1/banners/{banner['id']}")
    assert await shown() == []
    told = [(data["bannerVersion"], data["change"], data["link"]) for _, data in events(f"banner:{banner['id']}")]
    assert told == [
        (1, "CREATED", "/categories/TEA"),
        (2, "UPDATED", "https://example.org/tea"),
        (3, "DELETED", "https://example.org/tea"),
    ]


async def test_banners_show_by_place_and_priority(make, shown):
    low, side, high = [
        (await make("banners", **BANNER | more))["id"] for more in ({}, {"placement": "SIDE"}, {"priority": 5})
    ]
    assert await shown() == [side, high, low]


async def test_a_banner_begins_and_ends_by_its_dates_though_it_is_cached(make, shown):
    for seconds in (0.5, 4, 30):  # until the first page is in time, however slow the machine is
        soon = datetime.now(UTC) + timedelta(seconds=seconds)
        ends = await make("banners", **BANNER, startDate=YESTERDAY, endDate=soon.isoformat())
        begins = await make("banners", **BANNER, startDate=soon.isoformat())
        found = await shown()
        if datetime.now(UTC) < soon:
            break
    assert (ends["id"] in found, begins["id"] in found) == (True, False)
    await eventually(shown, lambda found: ends["id"] not in found and begins["id"] in found)


@pytest.mark.parametrize(
    ("campaign", "is_shown"),
    [
        ({}, True),
        ({"startDate": TOMORROW}, False),
        ({"startDate": YESTERDAY, "endDate": (NOW - timedelta(hours=1)).isoformat()}, False),
        ({"isActive": False}, False),
    ],
)
async def test_what_belongs_to_a_campaign_shows_within_its_dates(make, shown, shelves, campaign, is_shown):
    campaign_id = (await make("campaigns", name="Tea week", **campaign))["id"]
    banner = await make("banners", **BANNER, startDate=YESTERDAY, campaignId=campaign_id)
    pin = {"displayType": "RECOMMENDED", "mode": "pin", "productId": 9, "startDate": YESTERDAY}
    await make("top-page-displays", **pin, campaignId=campaign_id)
    assert (await shown(), await shelves()) == (([banner["id"]], {"RECOMMENDED": [9]}) if is_shown else ([], {}))


async def test_ending_a_campaign_ends_what_belongs_to_it(client, make, shown, shelves, events):
    campaign = await make("campaigns", name="Tea week")
    banner = await make("banners", **BANNER, campaignId=campaign["id"])
    pin = {"displayType": "RECOMMENDED", "mode": "pin", "productId": 9}
    display = await make("top-page-displays", **pin, campaignId=campaign["id"])
    assert (await shown(), await shelves()) == ([banner["id"]], {"RECOMMENDED": [9]})
    place = f"/v1/campaigns/{campaign['id']}"
    assert (await client.patch(place, json={"endDate": datetime.now(UTC).isoformat()})).status_code == 200
    assert (await shown(), await shelves()) == ([], {})
    assert [data["change"] for _, data in events(f"campaign:{campaign['id']}")] == ["CREATED", "UPDATED"]
    [(_, told)] = events(f"display:{display['id']}")
    assert (told["campaignId"], told["mode"], told["isActive"]) == (campaign["id"], "pin", True)


async def test_a_campaign_with_banners_is_not_removed(client, make):
    campaign = await make("campaigns", name="Tea week")
    await make("banners", **BANNER, campaignId=campaign["id"])
    answer = await client.delete(f"/v1/campaigns/{campaign['id']}")
    assert (answer.status_code, answer.json()["title"]) == (409, "Campaign is used")


async def test_a_campaign_that_does_not_exist_is_refused_by_name(client, make):
    banner = await make("banners", **BANNER)
    pin = {"displayType": "SALE", "mode": "pin", "productId": 1}
    for answer in (
        await client.post("/v1/banners", json={**BANNER, "campaignId": 999}),
        await client.patch(f"/v1/banners/{banner['id']}", json={"campaignId": 999}),
        await client.post("/v1/top-page-displays", json={**pin, "campaignId": 999}),
    ):
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body.campaignId")


@pytest.mark.parametrize("kind", ["banners", "campaigns", "top-page-displays"])
async def test_a_change_based_on_an_older_version_is_refused(client, make, kind):
    fields = {
        "banners": BANNER,
        "campaigns": {"name": "Tea week"},
        "top-page-displays": {"displayType": "SALE", "mode": "pin", "productId": 1},
    }
    made = await make(kind, **fields[kind])
    place, seen = f"/v1/{kind}/{made['id']}", {"If-Match": f'"{made["version"]}"'}
    assert (await client.get(place)).headers["ETag"] == seen["If-Match"]
    first = await client.patch(place, json={"isActive": False}, headers=seen)
    second = await client.patch(place, json={"isActive": True}, headers=seen)
    third = await client.delete(place, headers=seen)
    assert [each.status_code for each in (first, second, third)] == [200, 412, 412]
    assert (await client.delete(place, headers={"If-Match": first.headers["ETag"]})).status_code == 204


@pytest.mark.parametrize("field", ["image", "link"])
@pytest.mark.parametrize(
    "address",
    [
        *("javascript:alert(1)", "JavaScript:alert(1)", "\tjavascript:alert(1)", "data:text/html,x", "http://shop/x"),
        *(
            "//elsewhere.example",
            "/\\elsewhere.example",
            "/\t/elsewhere.example",
            "\\\\elsewhere.example",
            "products/7",
        ),
        *("https://shop@elsewhere.example/", "https:///x", "https://a b", "", "/a\nb", "vbscript:x", "blob:https://x"),
    ],
)
async def test_a_banner_leads_nowhere_but_into_the_shop_or_to_an_https_address(client, field, address):
    answer = await client.post("/v1/banners", json={**BANNER, field: address})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, f"body.{field}")


@pytest.mark.parametrize(
    "address", ["/", "/products/7?from=banner#reviews", "/カテゴリ/お茶", "https://example.org/a?b=//c"]
)
async def test_paths_of_the_shop_and_https_addresses_are_taken(make, address):
    assert (await make("banners", **{**BANNER, "link": address}))["link"] == address


async def test_texts_are_stored_as_given(make):
    text = {"title": "<img src=x onerror=alert(1)>", "body": "a & b </script>", "alt": '"x"', "linkText": "'"}
    assert (await make("banners", **BANNER | {"texts": {"en": text}}))["texts"]["en"] == text


@pytest.mark.parametrize(
    "texts", [{}, {"English": {"title": "x"}}, {"en": {}}, {"en": {"title": "x", "html": "y"}}, None]
)
async def test_a_banner_says_something_in_a_language(client, texts):
    answer = await client.post("/v1/banners", json={**BANNER, "texts": texts})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"].startswith("body.texts")


async def test_lists_page_by_cursor_and_banners_of_a_campaign_are_found(client, make):
    campaign = await make("campaigns", name="Tea week")
    await make("campaigns", name="Another")
    first = (await client.get("/v1/campaigns", params={"limit": 1})).json()
    rest = (await client.get("/v1/campaigns", params={"limit": 1, "cursor": first["nextCursor"]})).json()
    assert [each["name"] for each in first["items"] + rest["items"]] == ["Another", "Tea week"]
    ours = [(await make("banners", **BANNER, campaignId=campaign["id"], startDate=TOMORROW))["id"] for _ in range(2)]
    await make("banners", **BANNER)
    found = (await client.get("/v1/banners/all", params={"campaignId": campaign["id"]})).json()
    assert [each["id"] for each in found["items"]] == ours[::-1]
