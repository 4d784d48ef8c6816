import itertools
import json
from types import SimpleNamespace

import httpx2
import psycopg
import pytest
import pytest_asyncio
from psycopg.rows import dict_row

from services.cart.app import create_app
from services.cart.settings import CartSettings
from services.catalog import app as catalog_app
from services.catalog.settings import CatalogSettings
from services.common.messaging.messages import read
from services.common.messaging.producer import Producer
from services.common.storage.migrate import migrate
from services.contracts.envelope import Event
from services.contracts.events.identity import UserAuthenticated, UserDeleted
from tests.services.gateway.standing_in import served

VISITOR = "anon:00000000-0000-4000-8000-{:012d}"


@pytest.fixture(scope="module")
def database_url(database):
    url = database("cart")
    migrate("cart", url)
    return url


@pytest.fixture(scope="module")
def catalog_database_url(database):
    url = database("catalog")
    migrate("catalog", url)
    return url


@pytest.fixture(scope="module")
def catalog_url(broker, tokens, catalog_database_url):
    """The address of a running catalog."""
    broker.create_topics("auth.v1", "catalog.v1", "cart.v1", "erasures.v1", "user-actions.v1", "dead-letters.v1")
    settings = CatalogSettings(database_url=catalog_database_url, kafka_url=broker.url, **tokens.settings)
    with served(catalog_app.create_app(settings)) as address:
        yield address


@pytest.fixture(scope="module")
def settings(broker, tokens, database_url, catalog_url):
    return CartSettings(
        database_url=database_url,
        kafka_url=broker.url,
        catalog_url=catalog_url,
        **tokens.settings,
        auth_signing_key_file=tokens.key_file("cart"),
        most_items=5,
        most_pieces=50,
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(settings):
    """The running service."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


class Shopper:
    """Somebody with a cart."""

    def __init__(self, client, user_id):
        self.client, self.user_id = client, user_id
        self._keys = itertools.count()

    def _key(self):
        return {"Idempotency-Key": f"{self.user_id}-{next(self._keys)}"}

    async def add(self, product_id, quantity=1, **more):
        body = {"productId": product_id, "quantity": quantity, **more}
        return await self.client.post("/v1/carts/me/items", json=body, headers=self._key())

    async def set(self, product_id, quantity):
        body = {"quantity": quantity}
        return await self.client.put(f"/v1/carts/me/items/{product_id}", json=body, headers=self._key())

    async def remove(self, product_id):
        return await self.client.delete(f"/v1/carts/me/items/{product_id}", headers=self._key())

    async def cart(self):
        return (await self.client.get("/v1/carts/me")).json()

    async def quantities(self):
        return {each["productId"]: each["quantity"] for each in (await self.cart())["items"]}


@pytest.fixture(scope="module")
def shopper(app, tokens):
    """A shopper of that id: `shopper("anna")`, `shopper(VISITOR.format(1))`."""

    def of(user_id):
        headers = {"Authorization": f"Bearer {tokens.of(user_id)}"}
        client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://cart", headers=headers)
        return Shopper(client, user_id)

    return of


@pytest.fixture(scope="module")
def catalog(catalog_url, tokens):
    """To change products in catalog."""
    with httpx2.Client(base_url=catalog_url, auth=tokens.as_service("importer", "catalog")) as client:
        yield client


@pytest.fixture(scope="module")
def create(catalog):
    """A new product; gives its id."""
    numbers = itertools.count()

    def new(stock=10, price="500", **more):
        sku = f"p{next(numbers)}"
        body = {"sku": sku, "name": f"Product {sku}", "price": price, "currency": "JPY", "stock": stock, **more}
        answer = catalog.post("/v1/products", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    return new


@pytest.fixture
def events(database_url):
    """The types of a shopper's events on a topic, in order."""

    def of(user_id, topic="user-actions.v1"):
        query = "SELECT value FROM outbox WHERE key = %s AND topic = %s ORDER BY id"
        with psycopg.connect(database_url) as connection:
            rows = connection.execute(query, [user_id, topic]).fetchall()
        return [(event["eventType"], event["data"]) for event in (json.loads(value) for (value,) in rows)]

    return of


@pytest.fixture
def copies(database_url):
    """The one row of a product in carts."""

    def of(product_id):
        with psycopg.connect(database_url, row_factory=dict_row) as connection:
            (row,) = connection.execute("SELECT * FROM cart_items WHERE product_id = %s", [product_id])
        return row

    return of


@pytest.fixture
def outbox(catalog_database_url):
    """What catalog has told of a product, in order."""

    def of(product_id):
        query = "SELECT value FROM outbox WHERE key = %s ORDER BY id"
        with psycopg.connect(catalog_database_url) as connection:
            rows = connection.execute(query, [str(product_id)]).fetchall()
        return [read(SimpleNamespace(topic="catalog.v1", value=value.encode()))[0] for (value,) in rows]

    return of


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def auth(settings):
    """Auth, as far as the cart hears from it."""
    producer = Producer(settings)
    yield Auth(producer)
    await producer.close()


class Auth:
    def __init__(self, producer):
        self._producer = producer

    async def log_in(self, user_id, visitor_id, times=1):
        told = UserAuthenticated(user_id=user_id, email=f"{user_id}@example.com", visitor_id=visitor_id)
        await self._tell("USER_AUTHENTICATED", told, times)

    async def delete(self, user_id):
        await self._tell("USER_DELETED", UserDeleted(user_id=user_id))

    async def _tell(self, event_type, data, times=1):
        for _ in range(times):
            event = Event.of(event_type, data, producer="auth")
            await self._producer.send("auth.v1", data.user_id, event.to_bytes())
