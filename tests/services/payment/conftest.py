import itertools
import json
from uuid import uuid4

import httpx2
import psycopg
import pytest
import pytest_asyncio

from services.common.storage.migrate import migrate
from services.contracts.vault import ensure_keys
from services.payment.app import create_app
from services.payment.settings import PaymentSettings


@pytest.fixture(scope="module")
def database_url(database):
    url = database("payment")
    migrate("payment", url)
    return url


@pytest.fixture(scope="session")
def keys_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("payment") / "keys.json"
    ensure_keys(file)
    return file


@pytest.fixture(scope="module")
def settings(broker, tokens, database_url, keys_file):
    broker.create_topics("auth.v1", "payment.v1", "erasures.v1", "dead-letters.v1")
    return PaymentSettings(
        database_url=database_url,
        kafka_url=broker.url,
        **tokens.settings,
        keys_file=keys_file,
        local_password="local-secret",
        reconcile_seconds=0.05,
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(settings):
    """The running service."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture(scope="module")
def orders(app, tokens):
    """The service, called by the order service."""
    caller = tokens.as_service("order", "payment")
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://payment", auth=caller)


@pytest.fixture(scope="module")
def calling(app, tokens):
    """The service, called by a user."""

    def client(subject, **token):
        headers = {"Authorization": f"Bearer {tokens.user(subject, **token)}"}
        return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://payment", headers=headers)

    return client


@pytest.fixture(scope="module")
def pay(orders):
    """Makes a payment of that amount; gives the answer."""
    numbers = itertools.count(1)

    async def put(amount="1200", *, payment_id=None, status=200, **more):
        body = {"orderId": next(numbers), "userId": "anna", "amount": amount, "currency": "JPY"}
        body |= {"paymentMethod": "CREDIT_CARD", **more}
        answer = await orders.put(f"/v1/payments/{payment_id or uuid4()}", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    return put


@pytest.fixture(scope="module")
def after(orders):
    """Captures or cancels a payment."""

    async def post(payment, what, *, status=200):
        answer = await orders.post(f"/v1/payments/{payment['id']}/{what}")
        assert answer.status_code == status, answer.text
        return answer.json()

    return post


@pytest.fixture(scope="module")
def refund(orders):
    async def put(payment, amount, *, refund_id=None, status=200):
        body = {"paymentId": payment["id"], "amount": amount, "currency": payment["currency"], "reason": "returned"}
        answer = await orders.put(f"/v1/refunds/{refund_id or uuid4()}", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    return put


@pytest.fixture(scope="module")
def read(orders):
    async def get(payment):
        return (await orders.get(f"/v1/payments/{payment['id']}")).json()

    return get


@pytest.fixture
def events(database_url):
    """The types of a payment's events, in order."""

    def of(payment):
        with psycopg.connect(database_url) as connection:
            query = "SELECT value FROM outbox WHERE key = %s ORDER BY id"
            rows = connection.execute(query, [payment["id"]]).fetchall()
        return [json.loads(value)["eventType"] for (value,) in rows]

    return of


@pytest.fixture
def book(database_url):
    """What the local provider has done of a payment: its stage, and what was given back."""

    def of(payment):
        with psycopg.connect(database_url) as connection:
            query = "SELECT stage, refunded FROM local_charges WHERE id = %s"
            return connection.execute(query, [f"local_{payment['id']}"]).fetchone()

    return of
