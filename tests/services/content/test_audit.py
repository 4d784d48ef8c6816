import httpx2
import psycopg
import pytest
import pytest_asyncio

from services.common.messaging.producer import Producer
from services.contracts.envelope import Event
from services.contracts.events.identity import UserDeleted
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")
PIN = {"displayType": "SALE", "mode": "pin", "productId": 1}


@pytest_asyncio.fixture(loop_scope="module")
async def call(client, tokens):
    """To call as a merchandiser of this id."""
    async with httpx2.AsyncClient(transport=client._transport, base_url="http://content") as anybody:

        async def send(user_id, method, path, **options):
            token = tokens.user(user_id, roles=("merchandiser",))
            return await anybody.request(method, path, headers=tokens.header(token), **options)

        yield send


@pytest.fixture
def trail(client):
    """What the trail says of one thing or user, the newest first."""

    async def read(**filters):
        return (await client.get("/v1/audit", params=filters)).json()["items"]

    return read


async def test_each_change_is_noted_with_who_made_it_and_what_differs(call, trail):
    made = (await call("m1", "POST", "/v1/top-page-displays", json=PIN)).json()
    place = f"/v1/top-page-displays/{made['id']}"
    await call("m2", "PATCH", place, json={"priority": 7, "mode": "pin"})
    await call("m1", "PATCH", place, json={"priority": 7})
    await call("m1", "DELETE", place)
    removed, changed, created = await trail(kind="display", subject=made["id"])
    assert [each["userId"] for each in (created, changed, removed)] == ["m1", "m2", "m1"]
    assert [each["change"] for each in (created, changed, removed)] == ["CREATED", "UPDATED", "DELETED"]
    assert (created["before"], created["after"]["productId"], created["after"]["priority"]) == (None, 1, 0)
    assert (changed["before"], changed["after"]) == ({"priority": 0}, {"priority": 7})
    assert (removed["before"]["priority"], removed["after"]) == (7, None)


async def test_it_says_who_activated_a_generation_and_who_rolled_it_back(client, load, activate, trail):
    for name in ("g1", "g2"):
        await load(name, {"displayType": "SALE", "rank": 1, "productId": 1})
        await activate(name, 1)
    await client.post("/v1/generations/rollback")
    back, second, _ = await trail(kind="generation")
    assert (second["userId"], second["subject"], second["change"]) == ("staff", "g2", "ACTIVATED")
    assert (second["before"], second["after"]) == ({"active": "g1"}, {"active": "g2"})
    assert (back["subject"], back["change"], back["after"]) == ("g1", "ROLLED_BACK", {"active": "g1"})


async def test_what_a_user_changed_is_found_page_by_page(call, trail, client):
    for name in ("a", "b", "c"):
        await call("m3", "POST", "/v1/campaigns", json={"name": name})
    first = (await client.get("/v1/audit", params={"userId": "m3", "limit": 2})).json()
    rest = await trail(userId="m3", cursor=first["nextCursor"])
    assert [each["after"]["name"] for each in first["items"] + rest] == ["c", "b", "a"]


async def test_a_thing_is_named_by_its_kind_and_its_id(client):
    refused = await client.get("/v1/audit", params={"subject": "7"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "query.kind")


async def test_a_refused_change_leaves_no_trace(call, trail):
    await call("m4", "POST", "/v1/top-page-displays", json={**PIN, "campaignId": 999})
    assert await trail(userId="m4") == []


async def test_entries_of_more_than_two_years_ago_go(call, trail, database_url):
    campaign = (await call("m5", "POST", "/v1/campaigns", json={"name": "Old"})).json()
    with psycopg.connect(database_url) as connection:
        connection.execute("DELETE FROM audit_entries WHERE user_id <> 'm5'")
        connection.execute("UPDATE audit_entries SET changed_at = now() - interval '731 days'")
    await call("m5", "PATCH", f"/v1/campaigns/{campaign['id']}", json={"name": "New"})
    assert [each["change"] for each in await trail(userId="m5")] == ["UPDATED"]


async def test_a_deleted_merchandiser_and_a_deleted_shopper_are_named_no_more(call, trail, settings):
    made = (await call("leaves", "POST", "/v1/top-page-displays", json={**PIN, "userId": "shopper"})).json()
    producer = Producer(settings)
    for user_id in ("leaves", "shopper"):
        gone = Event.of("USER_DELETED", UserDeleted(user_id=user_id), producer="auth")
        await producer.send("auth.v1", user_id, gone.to_bytes())
    await producer.close()

    async def entry():
        [found] = await trail(subject=made["id"], kind="display")
        return found["userId"], found["after"]["userId"]

    who, whose = await eventually(entry, lambda found: not {"leaves", "shopper"} & set(found))
    assert who.startswith("erased:")
    assert whose.startswith("erased:")
    refused = await call("leaves", "POST", "/v1/campaigns", json={"name": "Too late"})
    assert refused.status_code == 403
    refused = await call("m1", "POST", "/v1/top-page-displays", json={**PIN, "userId": "shopper"})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "body.userId")
