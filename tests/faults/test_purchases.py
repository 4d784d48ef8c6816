"""Purchases under repetition, silence and forgery: each has one effect, and nobody pays twice."""

import asyncio
import itertools
import time
from functools import partial
from threading import Timer
from uuid import uuid4

import httpx2
import psycopg
import pytest
import pytest_asyncio

from services.catalog.app import create_app as create_catalog
from services.catalog.settings import CatalogSettings
from services.payment.provider_local import LocalProvider
from tests.conftest import in_thread
from tests.service_process import ServiceProcess
from tests.services.order.conftest import ADDRESS, catalog, create, databases, others
from tests.services.payment import conftest as paying
from tests.waiting import eventually, wait_until

__all__ = ["catalog", "create", "databases", "others"]
pytestmark = pytest.mark.faults
AT_ONCE = 3


def rows(url, query, *values):
    with psycopg.connect(url) as connection:
        return connection.execute(query, values).fetchall()


@pytest.fixture
def order_service(broker, tokens, databases, others, tmp_path):
    """The order service as a process that may be killed."""
    environment = {
        **tokens.environment_of("order"),
        "ORDER_DATABASE_URL": databases["order"],
        "ORDER_LEASE_SECONDS": "1",
        "ORDER_POLL_SECONDS": "0.1",
        "IDEMPOTENCY_CLAIM_SECONDS": "1",
        "KAFKA_URL": broker.url,
        **{f"{name.upper()}_URL": url for name, url in others.items()},
    }
    with ServiceProcess("order", environment, tmp_path / "order.log") as service:
        yield service


def fill(databases, user_id, product_id):
    """An address, and a cart of one product, as profile and cart store them."""
    with psycopg.connect(databases["profile"]) as connection:
        book = psycopg.types.json.Jsonb({"addresses": [ADDRESS]})
        connection.execute("INSERT INTO users (id, address) VALUES (%s, %s)", [user_id, book])
    with psycopg.connect(databases["cart"]) as connection:
        connection.execute(
            "INSERT INTO cart_items (user_id, product_id, quantity, added_price, currency, sku, product_name,"
            " product_price, stock, is_active) VALUES (%s, %s, 1, 500, 'JPY', 'p', 'Tea', 500, 1, true)",
            [user_id, product_id],
        )


async def submitted(url, token, key):
    """The answers to one request that is sent several times at once; None where there is none."""
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
    body = {"paymentMethod": "CREDIT_CARD"}

    async def one(client):
        try:
            answer = await client.post("/v1/orders", json=body, headers=headers)
        except httpx2.TransportError:
            return None
        return answer.json()["id"] if answer.status_code == 201 else answer.status_code

    async with httpx2.AsyncClient(base_url=url, timeout=30) as client:
        return await asyncio.gather(*(one(client) for _ in range(AT_ONCE)))


def in_thread_submitted(url, token, key):
    return in_thread(submitted(url, token, key))


@pytest.mark.timeout(1200)
def test_an_order_that_is_submitted_again_and_again_is_placed_and_paid_once(
    order_service, create, databases, tokens, rounds, moments
):
    tea, count = create("500", 1_000), rounds(200, 6)
    for number in range(count):
        user_id, key = f"double-{number}", f"key-{number}"
        fill(databases, user_id, tea.id)
        killing = Timer(moments.uniform(0, 0.3), order_service.kill) if number % 20 == 3 else None
        if killing:
            killing.start()
        answers = in_thread(submitted(order_service.url, tokens.user(user_id), key))
        if killing:
            killing.join()
            order_service.start()
        again = wait_until(
            partial(in_thread_submitted, order_service.url, tokens.user(user_id), key),
            lambda found: all(isinstance(each, int) and each > 1_000 for each in found),
        )
        assert {each for each in (*answers, *again) if each is not None and each > 1_000} == {again[0]}
    orders = "SELECT count(*), count(DISTINCT user_id) FROM orders WHERE user_id LIKE 'double-%%'"
    assert rows(databases["order"], orders) == [(count, count)]
    left = "SELECT count(*) FROM orders WHERE step IS NOT NULL"
    wait_until(lambda: rows(databases["order"], left), lambda found: found == [(0,)])
    assert rows(databases["payment"], "SELECT count(*) FROM local_charges WHERE stage = 'CAPTURED'") == [(count,)]
    assert tea.stock == 1_000 - count


database_url, keys_file, settings, app = paying.database_url, paying.keys_file, paying.settings, paying.app
orders, pay, after, events = paying.orders, paying.pay, paying.after, paying.events
__all__ += ["after", "app", "database_url", "events", "keys_file", "orders", "pay", "settings"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hook(app):
    """Sends a webhook; gives the status of the answer."""
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://payment") as client:

        async def post(headers, body):
            return (await client.post("/v1/webhooks/local", headers=headers, content=body)).status_code

        yield post


@pytest.mark.timeout(1200)
@pytest.mark.asyncio(loop_scope="module")
async def test_webhooks_repeated_reordered_delayed_and_forged_have_one_effect(
    app, pay, hook, database_url, rounds, moments
):
    provider, count = app.state.payments.provider("local"), rounds(10_000, 300)
    forger = LocalProvider(app.state.database, "another secret")
    payments = [await pay(paymentMethod="BANK_TRANSFER") for _ in range(20)]
    ids = [payment["id"] for payment in payments]
    told = list(zip(range(count), itertools.cycle(ids)))
    moments.shuffle(told)

    def event(number, payment_id):
        """Three have the same id."""
        return {"id": f"event-{number // 60}-{payment_id}", "payment": f"local_{payment_id}"}

    def signed(number, payment_id):
        """Of ten, one is forged, and one is too old."""
        by = forger if number % 10 == 9 else provider
        return by.sign(event(number, payment_id), int(time.time()) - 301 if number % 10 == 8 else None)

    batches = _batches(told, 50)
    for place, batch in enumerate(batches):
        for paid in ids[place :: len(batches)]:  # the money comes one by one, and what is told before it is early
            await provider.act(f"local_{paid}", is_approved=True)
        found = await asyncio.gather(*(hook(*signed(*each)) for each in batch))
        assert list(found) == [400 if number % 10 > 7 else 204 for number, _ in batch]
    last = [provider.sign({"id": f"last-{each}", "payment": f"local_{each}"}) for each in ids]
    assert {await hook(*each) for each in last} == {204}
    assert completed(database_url, ids) == [(20, 20)]
    genuine = {event(*each)["id"] for each in told if each[0] % 10 < 8}
    assert rows(database_url, "SELECT count(*) FROM webhooks WHERE event_id LIKE 'event-%%'") == [(len(genuine),)]


def completed(database_url, ids):
    """How many events tell that these payments are complete, and how many payments they tell of."""
    query = "SELECT count(*), count(DISTINCT key) FROM outbox WHERE key = ANY(%s) AND value::json ->> 'eventType' = %s"
    return rows(database_url, query, ids, "PAYMENT_COMPLETED")


def _batches(items, size):
    return [items[start : start + size] for start in range(0, len(items), size)]


@pytest.mark.timeout(1200)
@pytest.mark.asyncio(loop_scope="module")
async def test_a_provider_that_falls_silent_before_or_after_it_did_it_charges_once(pay, after, database_url, rounds):
    count, made = rounds(2_000, 40), []
    for batch in _batches(range(count), 20):
        made += await asyncio.gather(*(pay("1408" if number % 2 else "1504") for number in batch))
    ids = [payment["id"] for payment in made]

    due = "UPDATE payments SET next_check_at = now() WHERE id = ANY(%s) AND unsettled_step IS NOT NULL RETURNING id"

    async def stages():
        await asyncio.to_thread(rows, database_url, due, ids)  # what it waits for is in this thread's loop
        return rows(database_url, "SELECT DISTINCT stage FROM payments WHERE id = ANY(%s)", ids)

    await eventually(stages, lambda found: found == [("AUTHORISED",)], seconds=600)
    for batch in _batches(made, 20):
        await asyncio.gather(*(after(payment, "capture") for payment in batch))
    book = "SELECT count(*), sum(amount)::int FROM local_charges WHERE stage = 'CAPTURED' AND id = ANY(%s)"
    names = [f"local_{each}" for each in ids]
    total = sum(int(payment["amount"]) for payment in made)
    assert rows(database_url, book, names) == [(count, total)]
    assert completed(database_url, ids) == [(count, count)]


@pytest_asyncio.fixture
async def shelf(broker, tokens, databases):
    """Catalog, called by the order service: an application of its own on the same database."""
    settings = {"database_url": databases["catalog"], "kafka_url": broker.url, **tokens.settings}
    app = create_catalog(CatalogSettings(**settings))
    caller, transport = tokens.as_service("order", "catalog"), httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://catalog", auth=caller) as client:
        yield client
    for part in (app.state.producer, app.state.database):
        await part.close()


@pytest.mark.timeout(1200)
async def test_stock_is_never_oversold_nor_undersold(shelf, create, rounds, moments):
    async def buy(product_id, place):
        body = {"items": [{"productId": product_id, "quantity": 1}], "holdSeconds": 60}
        answer = await shelf.put(f"/v1/reservations/{place}", json=body)
        if answer.status_code != 200:
            assert answer.status_code == 409
            return None
        what = "release" if moments.random() < 0.3 else "commit"
        assert (await shelf.post(f"/v1/reservations/{place}/{what}")).is_success
        return what

    for _ in range(rounds(200, 3)):
        product = await asyncio.to_thread(create, "500", 10)
        sold = (await asyncio.gather(*(buy(product.id, uuid4()) for _ in range(50)))).count("commit")
        left = (await shelf.get(f"/v1/products/{product.id}")).json()["stock"]
        assert (sold + left, sold <= 10) == (10, True)
