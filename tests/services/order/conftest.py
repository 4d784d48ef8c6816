"""The order service, and those that it asks, each a real one over HTTP."""

import itertools
import json
from contextlib import ExitStack
from uuid import uuid4

import httpx2
import psycopg
import pytest
import pytest_asyncio

from services.cart.app import create_app as create_cart
from services.cart.settings import CartSettings
from services.catalog.app import create_app as create_catalog
from services.catalog.settings import CatalogSettings
from services.common.storage.migrate import migrate
from services.contracts.vault import ensure_keys
from services.order.app import create_app
from services.order.settings import OrderSettings
from services.payment.app import create_app as create_payment
from services.payment.settings import PaymentSettings
from services.profile.app import create_app as create_profile
from services.profile.settings import ProfileSettings
from tests.services.gateway.standing_in import served
from tests.waiting import eventually

TOPICS = ("auth.v1", "profile.v1", "catalog.v1", "cart.v1", "payment.v1", "order.v1", "erasures.v1", "user-actions.v1")
ADDRESS = {"id": "home", "name": "Anna", "countryCode": "JP", "streetAddress": "1-1", "isDefault": True}


@pytest.fixture(scope="module")
def databases(database):
    """The address of each service's database."""
    urls = {name: database(name) for name in ("catalog", "cart", "payment", "profile", "order")}
    for name, url in urls.items():
        migrate(name, url)
    return urls


@pytest.fixture(scope="module")
def others(broker, tokens, databases, tmp_path_factory):
    """The addresses of the running services that an order needs."""
    broker.create_topics(*TOPICS, "dead-letters.v1")
    keys = tmp_path_factory.mktemp("payment") / "keys.json"
    ensure_keys(keys)
    common = {"kafka_url": broker.url, **tokens.settings}
    signing = {name: tokens.key_file(name) for name in ("cart", "profile")}
    with ExitStack() as stack:

        def serve(app):
            return stack.enter_context(served(app))

        urls = {"catalog": serve(create_catalog(CatalogSettings(database_url=databases["catalog"], **common)))}
        cart = CartSettings(
            database_url=databases["cart"],
            catalog_url=urls["catalog"],
            auth_signing_key_file=signing["cart"],
            **common,
        )
        payment = PaymentSettings(
            database_url=databases["payment"],
            keys_file=keys,
            local_password="local",
            reconcile_seconds=0.1,
            **common,
        )
        profile = ProfileSettings(database_url=databases["profile"], auth_signing_key_file=signing["profile"], **common)
        urls |= {
            "cart": serve(create_cart(cart)),
            "payment": serve(create_payment(payment)),
            "profile": serve(create_profile(profile)),
        }
        yield urls


@pytest.fixture(scope="module")
def settings(broker, tokens, databases, others):
    return OrderSettings(
        database_url=databases["order"],
        kafka_url=broker.url,
        **tokens.settings,
        auth_signing_key_file=tokens.key_file("order"),
        **{f"{name}_url": url for name, url in others.items()},
        poll_seconds=0.1,
        give_up_after_seconds=1,
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app(settings):
    """The running service."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture(scope="module")
def catalog(others, tokens):
    """To change products in catalog."""
    with httpx2.Client(base_url=others["catalog"], auth=tokens.as_service("importer", "catalog")) as client:
        yield client


class Product:
    """A product in catalog."""

    def __init__(self, client, product_id):
        self._client, self.id = client, product_id

    @property
    def stock(self):
        return self._client.get(f"/v1/products/{self.id}").json()["stock"]

    def change(self, **fields):
        self._client.patch(f"/v1/products/{self.id}", json=fields).raise_for_status()


@pytest.fixture(scope="module")
def create(catalog):
    """A new product."""
    numbers = itertools.count()

    def new(price="500", stock=10, **more):
        sku = f"p{next(numbers)}"
        body = {"sku": sku, "name": f"Product {sku}", "price": price, "currency": "JPY", "stock": stock, **more}
        answer = catalog.post("/v1/products", json=body)
        assert answer.status_code == 201, answer.text
        return Product(catalog, answer.json()["id"])

    return new


class Shopper:
    """A user with an address, and the clients of the services that a shopper uses."""

    def __init__(self, user_id, orders, carts, payments):
        self.user_id, self.orders, self._carts, self._payments = user_id, orders, carts, payments

    def key(self):
        return {"Idempotency-Key": str(uuid4())}

    async def fill(self, *products, quantity=1):
        for product in products:
            body = {"productId": product.id, "quantity": quantity}
            answer = await self._carts.post("/v1/carts/me/items", json=body, headers=self.key())
            assert answer.status_code == 200, answer.text

    async def cart(self):
        items = (await self._carts.get("/v1/carts/me")).json()["items"]
        return {each["productId"]: each["quantity"] for each in items}

    async def check_out(self, *, status=201, key=None, **more):
        body = {"paymentMethod": "CREDIT_CARD", **more}
        answer = await self.orders.post("/v1/orders", json=body, headers=key or self.key())
        assert answer.status_code == status, answer.text
        return answer.json()

    async def buy(self, *products, quantity=1, until="CONFIRMED", **more):
        """The order of these products, once it has that status."""
        await self.fill(*products, quantity=quantity)
        return await self.until(await self.check_out(**more), until)

    async def read(self, order):
        return (await self.orders.get(f"/v1/orders/{order['id']}")).json()

    async def until(self, order, status):
        return await eventually(lambda: self.read(order), lambda found: found["status"] == status)

    async def post(self, path, body=None, *, status=200):
        answer = await self.orders.post(path, json=body or {}, headers=self.key())
        assert answer.status_code == status, answer.text
        return answer.json()

    async def act(self, order, *, approve):
        path = f"/v1/local-payments/{order['paymentId']}/action"
        (await self._payments.post(path, json={"approve": approve})).raise_for_status()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shopper(app, tokens, databases, others):
    """A shopper of that id, or somebody with these roles: `shopper("anna")`, `shopper("otto", roles=("operator",))`."""
    clients = []

    def of(user_id, *, address=ADDRESS, **token):
        with psycopg.connect(databases["profile"]) as connection:
            book = json.dumps({"addresses": [address]}) if address else None
            query = "INSERT INTO users (id, address) VALUES (%s, %s) ON CONFLICT (id) DO NOTHING"
            connection.execute(query, [user_id, book])
        headers = {"Authorization": f"Bearer {tokens.user(user_id, **token)}"}
        orders = httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://order", headers=headers)
        carts, payments = (httpx2.AsyncClient(base_url=others[name], headers=headers) for name in ("cart", "payment"))
        clients.extend((orders, carts, payments))
        return Shopper(user_id, orders, carts, payments)

    yield of
    for client in clients:
        await client.aclose()


@pytest.fixture(scope="module")
def otto(shopper):
    """An operator."""
    return shopper("otto", roles=("operator",))


@pytest.fixture
def rows(databases):
    """What a query finds in a service's database."""

    def found(name, query, *values):
        with psycopg.connect(databases[name]) as connection:
            return connection.execute(query, values).fetchall()

    return found


@pytest.fixture
def paid(rows):
    """What the provider has done of an order's payment: its stage, and what was given back."""

    def of(order):
        query = "SELECT stage, refunded::int FROM local_charges WHERE id = %s"
        return next(iter(rows("payment", query, f"local_{order['paymentId']}")), None)

    return of


@pytest.fixture
def events(rows):
    """The types of an order's events, in order, and those of its actions."""

    def of(order):
        told = rows("order", "SELECT value FROM outbox ORDER BY id")
        parsed = [json.loads(value) for (value,) in told]
        return [event["eventType"] for event in parsed if event["data"].get("orderId") == order["id"]]

    return of
