"""Catalog or the broker is away, silent or answers garbage: a cart opens, marked stale, and takes nothing in unseen."""

import json
from uuid import uuid4

import psycopg
import pytest

from services.cart import app as cart_app
from tests.services.gateway.standing_in import BROKEN, broken
from tests.services.in_process import client_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def running(settings, monkeypatch):
    """The service with one of the others replaced, and a client of it; its workers run where they matter."""
    monkeypatch.setattr(cart_app, "CATALOG_SECONDS", 0.5)

    def run(token, *, has_workers=False, **others):
        app = cart_app.create_app(settings.model_copy(update=others))
        return client_of(app, has_workers=has_workers, headers={"Authorization": f"Bearer {token}"})

    return run


def key():
    return {"Idempotency-Key": str(uuid4())}


@pytest.mark.parametrize("state", BROKEN)
async def test_without_catalog_a_cart_opens_as_it_was_and_can_be_emptied_but_not_filled(
    create, shopper, running, tokens, state
):
    tea, cup, user_id = create(), create(), f"anna-{uuid4()}"
    anna = shopper(user_id)
    for each in (tea, cup):
        await anna.add(each)
    with broken(state) as url:
        async with running(tokens.of(user_id), catalog_url=url) as client:
            cart = (await client.get("/v1/carts/me")).json()
            assert (cart["stale"], cart["total"], len(cart["items"])) == (True, "1000", 2)
            more = {"productId": tea, "quantity": 1}
            refused = [
                await client.post("/v1/carts/me/items", json=more, headers=key()),
                await client.put(f"/v1/carts/me/items/{tea}", json={"quantity": 2}, headers=key()),
            ]
            assert {each.status_code for each in refused} == {503}
            assert all(int(each.headers["retry-after"]) > 0 for each in refused)
            assert (await client.delete(f"/v1/carts/me/items/{cup}", headers=key())).status_code == 200
            assert (await client.get("/health/ready")).status_code == 200
    assert await anna.quantities() == {tea: 1}


@pytest.mark.parametrize("state", BROKEN)
async def test_without_catalog_what_was_ordered_leaves_the_cart(create, shopper, running, tokens, state):
    tea, user_id = create(), f"bert-{uuid4()}"
    await shopper(user_id).add(tea, 2)
    body = {"items": [{"productId": tea, "quantity": 1}]}
    with broken(state) as url:
        async with running(tokens.service("order", "cart"), catalog_url=url) as orders:
            answer = await orders.put(f"/v1/carts/{user_id}/checkouts/{uuid4().int % 10**15 + 1}", json=body)
            assert answer.status_code == 204
            assert (await orders.get(f"/v1/carts/{user_id}")).json()["stale"] is True
    assert await shopper(user_id).quantities() == {tea: 1}


@pytest.mark.parametrize("state", BROKEN)
async def test_without_a_broker_a_cart_is_filled_and_its_events_wait(create, running, tokens, database_url, state):
    tea, user_id = create(), f"carl-{uuid4()}"
    with broken(state) as url:
        async with running(tokens.of(user_id), has_workers=True, kafka_url=url.removeprefix("http://")) as client:
            assert (await client.post("/v1/carts/me/items", json={"productId": tea}, headers=key())).status_code == 200
            assert (await client.get("/v1/carts/me")).json()["stale"] is False
            assert (await client.get("/health/ready")).status_code == 200
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT topic, value FROM outbox WHERE key = %s", [user_id]).fetchall()
    assert {(topic, json.loads(value)["eventType"]) for topic, value in rows} == {
        ("cart.v1", "CART_ITEM_ADDED"),
        ("user-actions.v1", "CART_ADD"),
    }
