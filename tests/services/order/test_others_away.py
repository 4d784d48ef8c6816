"""A service that an order needs is away, silent or answers garbage: closed for money and stock, and no endless wait."""

import json
from contextlib import asynccontextmanager
from uuid import uuid4

import httpx2
import psycopg
import pytest

from services.order.app import create_app
from tests.services.gateway.standing_in import BROKEN, broken
from tests.services.order.conftest import ADDRESS
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def ordering(settings, tokens, monkeypatch):
    """The running service with one of the others replaced, and a client of it."""
    monkeypatch.setattr("services.order.clients.CALL_SECONDS", 3)

    @asynccontextmanager
    async def run(user_id, **urls):
        app = create_app(settings.model_copy(update=urls))
        headers = {"Authorization": f"Bearer {tokens.user(user_id)}"}
        transport = httpx2.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx2.AsyncClient(transport=transport, base_url="http://order", headers=headers) as client,
        ):
            yield client

    return run


@pytest.fixture
def with_cart(databases, others, tokens, create):
    """A user with an address and a product in the cart; gives the user's id and the product."""

    async def new():
        user_id, tea = f"u-{uuid4()}", create()
        with psycopg.connect(databases["profile"]) as connection:
            book = json.dumps({"addresses": [ADDRESS]})
            connection.execute("INSERT INTO users (id, address) VALUES (%s, %s)", [user_id, book])
        headers = {"Authorization": f"Bearer {tokens.user(user_id)}", "Idempotency-Key": str(uuid4())}
        async with httpx2.AsyncClient(base_url=others["cart"], headers=headers) as carts:
            (await carts.post("/v1/carts/me/items", json={"productId": tea.id})).raise_for_status()
        return user_id, tea

    return new


async def place(client):
    key = {"Idempotency-Key": str(uuid4())}
    return await client.post("/v1/orders", json={"paymentMethod": "CREDIT_CARD"}, headers=key)


@pytest.mark.parametrize("state", BROKEN)
@pytest.mark.parametrize("name", ["profile", "cart"])
async def test_without_profile_or_cart_no_order_is_placed_for_now(ordering, with_cart, name, state):
    user_id, tea = await with_cart()
    with broken(state) as url:
        async with ordering(user_id, **{f"{name}_url": url}) as client:
            answer = await place(client)
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert int(answer.headers["retry-after"]) > 0
    assert tea.stock == 10


@pytest.mark.parametrize("state", BROKEN)
@pytest.mark.parametrize("name", ["catalog", "payment"])
async def test_without_catalog_or_payment_an_order_is_given_up_and_undone_once_they_are_back(
    ordering, with_cart, rows, name, state
):
    user_id, tea = await with_cart()
    with broken(state) as url:
        async with ordering(user_id, **{f"{name}_url": url}) as client:
            order = (await place(client)).json()

            async def read():
                return (await client.get(f"/v1/orders/{order['id']}")).json()

            given_up = await eventually(read, lambda found: found["status"] == "CANCELLED")
            assert name in given_up["cancelReason"]
    async with ordering(user_id):
        query = "SELECT step FROM orders WHERE id = %s"
        await eventually(lambda: rows("order", query, order["id"]), lambda found: found == [(None,)])
    assert tea.stock == 10
    stages = "SELECT stage FROM local_charges WHERE id = %s"
    assert rows("payment", stages, f"local_{order['paymentId']}") in ([], [("VOIDED",)])


@pytest.mark.parametrize("state", ["away", "garbage"])  # the cart's test has a silent one, which takes long to stop
async def test_without_a_broker_orders_are_placed_and_paid(ordering, with_cart, state):
    user_id, tea = await with_cart()
    with broken(state) as url:
        async with ordering(user_id, kafka_url=url.removeprefix("http://")) as client:
            order = (await place(client)).json()

            async def status():
                return (await client.get(f"/v1/orders/{order['id']}")).json()["status"]

            assert await eventually(status, lambda found: found != "PENDING") == "CONFIRMED"
            assert (await client.get("/health/ready")).status_code == 200
    assert tea.stock == 9
